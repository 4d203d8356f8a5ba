"""type=passthrough, drop and reject, as configured."""
import pytest

from gateway import HOWTO, SETUP
from lab import DEST, PIECE, SECOND, SOURCE, STRANGER, WEST

SHUNT = """
conn {name}
	left=%defaultroute
	leftsubnet={lan}
	right={right}
	type={type}
	auto=route
"""


@pytest.fixture(scope="module")
def shunts(lab, idle_pair):
    pair = idle_pair
    pair.publish()
    pair.west.configure(
        SETUP, HOWTO,
        *(SHUNT.replace("{name}", kind).replace("{right}", right).replace("{type}", kind)
          for kind, right in (("passthrough", DEST), ("drop", SECOND), ("reject", STRANGER))))
    pair.start()
    return pair


def test_passthrough_goes_in_the_clear_although_there_is_a_record(lab, shunts):
    with lab.capture("west") as capture:
        assert lab.source.ping(DEST, count=2)
    assert len(capture.frames().with_octets(PIECE)) == 4
    assert not capture.frames().esp()
    assert not [f for f in capture.frames().ike() if f.source == WEST and f.ike_is_request()]


def test_drop_is_silent(lab, shunts):
    with lab.capture("west") as capture:
        ping = lab.source.ping(SECOND, wait=1)
    assert not ping.received
    assert "rohibited" not in ping.text
    assert not capture.frames().naming(SOURCE)


def test_reject_says_that_it_is_prohibited(lab, shunts):
    with lab.capture("west") as capture, lab.Capture(lab.source, "lan") as here:
        assert not lab.source.ping(STRANGER, wait=1).received
    assert not capture.frames().naming(SOURCE)
    answers = here.frames().select(lambda f: f.protocol == 1 and f.payload[:2] == b"\x03\x0d")
    assert answers and answers[0].destination == SOURCE
