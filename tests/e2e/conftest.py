"""Fixtures: one lab for each test file, closed at its end whatever happened."""
import os

import pytest

from gateway import HostKeys, Pair
from lab import BUILD, Lab


def pytest_configure(config):
    if os.geteuid() != 0:
        raise pytest.UsageError("network namespaces need root")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what every gateway of its lab says of itself."""
    report = (yield).get_result()
    bed = item.funcargs.get("bed")
    if report.failed and bed:
        report.sections.extend(bed.says())
    lab = item.funcargs.get("lab")
    if report.failed and lab:
        for name, gateway in lab.gateways.items():
            said = [gateway.ipsec(*words, check=False) for words in (["eroute"], ["status"])]
            report.sections.append((name, "\n".join(
                [done.stdout + done.stderr for done in said] + [gateway.log()[-4000:]])))


@pytest.fixture(scope="module")
def lab():
    with Lab() as bed:
        yield bed


@pytest.fixture(scope="session")
def keys():
    return HostKeys(BUILD / "e2e" / f"ws{os.getpid()}-keys")


@pytest.fixture(scope="module")
def idle_pair(lab, keys):
    """Two gateways with the HowTo's conns and no records; the test file starts them itself."""
    gateways = Pair(lab, keys)
    yield gateways
    gateways.stop()


@pytest.fixture(scope="module")
def pair(idle_pair):
    """Two gateways with everything the HowTo asks for, running."""
    idle_pair.publish()
    idle_pair.start()
    return idle_pair
