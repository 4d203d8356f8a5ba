"""Tunnels that nobody uses end, used ones live on; and what a restart of either end does."""
import pytest

from gateway import HOWTO, SETUP
from lab import DEST, SECOND, SOURCE, WEST, until

IDLE = "\ttunnel-idle=40\n"  # looks after 4 s (used in the last 2), then every 80 s


@pytest.fixture
def pair_with_looks(lab, pair):
    pair.stop()
    pair.west.configure(SETUP, IDLE, HOWTO)
    pair.east.configure(SETUP, HOWTO)
    pair.start()
    return pair


def deletes(capture):
    return [f for f in capture.frames().ike() if f.ike_exchange() == "INFORMATIONAL"]


def test_idle_tunnels_end(lab, pair_with_looks):
    """The one that is used stays; the other end hears of it; the IKE SA is kept and used again."""
    west, east = pair_with_looks.west, pair_with_looks.east
    stream = lab.source.start("ping", "-n", "-i", "0.5", "-w", "20", SECOND)
    with lab.capture("west") as capture:
        assert lab.source.ping(DEST)
        assert west.action(SOURCE, DEST) == "tunnel" == east.action(DEST, SOURCE)
        until("the idle one is gone", lambda: west.action(SOURCE, DEST) is None, timeout=9)
        until("the peer knows", lambda: east.action(DEST, SOURCE) is None)
        assert {f.source for f in deletes(capture) if f.ike_is_request()} == {WEST}
        assert west.action(SOURCE, SECOND) == "tunnel"
    assert "nobody used it" in west.log()
    with lab.capture("west") as capture:
        assert lab.source.ping(DEST)
    assert {f.ike_exchange() for f in capture.frames().ike()} == {"CREATE_CHILD_SA"}
    stream.kill()
    stream.wait()


def test_used_tunnels_rekey_only(lab, pair):
    """Both live 6 s; traffic of one goes on."""
    pair.stop()
    pair.west.configure(SETUP, HOWTO, "\tkeylife=6\n\trekeymargin=2\n\trekeyfuzz=0%\n")
    pair.east.configure(SETUP, HOWTO)
    pair.start()
    stream = lab.source.start("ping", "-n", "-i", "0.2", "-w", "30", SECOND)
    assert lab.source.ping(DEST)
    used, idle = (pair.west.eroute(SOURCE, host)["said"] for host in (SECOND, DEST))
    until("the used one is another", lambda: pair.west.eroute(SOURCE, SECOND)["said"] != used, 9)
    until("the idle one is gone", lambda: pair.west.action(SOURCE, DEST) is None)
    log = pair.west.log()
    assert f"flow {SOURCE} > {DEST}: trap, nobody used it" in log
    assert not [line for line in log.splitlines() if f"> {DEST}" in line and "rekeyed" in line]
    assert idle not in pair.west.ipsec("eroute").stdout
    stream.terminate()
    stream.wait()
    assert pair.west.action(SOURCE, SECOND) == "tunnel"
