"""Fixtures: one lab for each test file, closed at its end whatever happened."""
import os

import pytest

from lab import Lab


def pytest_configure(config):
    if os.geteuid() != 0:
        raise pytest.UsageError("network namespaces need root")


@pytest.fixture(scope="module")
def lab():
    with Lab() as bed:
        yield bed
