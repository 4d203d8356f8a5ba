"""leftnat=: a client that the peer knows by the gateway's address has a tunnel all the same."""
import pytest

from gateway import HOWTO, SETUP
from lab import DEST, SOURCE, WEST, reverse


@pytest.fixture(scope="module")
def translated(lab, idle_pair):
    pair = idle_pair
    leftnat = f"\tleftnat={WEST}\n\tleftsubnet={{lan}}"
    pair.west.configure(SETUP, HOWTO.replace("\tleftsubnet={lan}", leftnat))
    pair.publish()
    lab.unpublish(reverse(SOURCE))
    lab.reload_dns()
    lab.internet.ip("route", "delete", "10.1.0.0/24")
    pair.start()
    return pair


def test_a_translated_client_speaks_through_the_tunnel_of_its_gateway(lab, translated):
    with lab.capture("west") as capture, lab.Capture(lab.dest, "lan") as there:
        assert lab.source.ping(DEST, count=3)
    assert translated.east.action(DEST, WEST) == "tunnel"
    assert len(capture.frames().esp()) >= 6
    assert not capture.frames().naming(DEST) and not capture.frames().naming(SOURCE)
    assert len(there.frames().between(WEST, DEST)) == 6


def test_a_reload_ends_and_begins_the_translation(lab, translated):
    plain = HOWTO
    assert lab.source.ping(DEST)
    translated.west.configure(SETUP, plain)
    assert translated.west.ipsec("reload").stderr == ""
    assert not lab.source.ping(DEST, wait=1).received
    translated.west.configure(SETUP, HOWTO.replace(
        "\tleftsubnet={lan}", f"\tleftnat={WEST}\n\tleftsubnet={{lan}}"))
    assert translated.west.ipsec("reload").stderr == ""
    assert lab.source.ping(DEST, wait=5)
