"""leftnat=: a client that the peer knows by the gateway's address has a tunnel all the same."""
import pytest

from gateway import HOWTO, SETUP
from lab import DEST, EAST, EAST_LAN, PIECE, SECOND, SOURCE, WEST, reverse

NETWORKS = """
conn net
	left={left}
	leftsubnet={lan}
	right={right}
	authby=secret
	auto=route
"""


@pytest.fixture(scope="module")
def translated(lab, idle_pair):
    pair = idle_pair
    leftnat = f"\tleftnat={WEST}\n\tleftsubnet={{lan}}"
    pair.west.configure(SETUP, HOWTO.replace("\tleftsubnet={lan}", leftnat))
    pair.publish()
    lab.unpublish(reverse(SOURCE))
    lab.reload_dns()
    lab.internet.ip("route", "delete", "10.1.0.0/24")
    for host in (lab.dest, lab.second):
        host.serve("tcp", 7000)
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


@pytest.fixture
def configured(lab, translated):
    """East knows a network behind itself, and West as a host."""
    pair = translated
    pair.stop()
    for gateway in (pair.west, pair.east):
        path = gateway.confs / "ipsec.secrets"
        path.write_text(f'{WEST} {EAST} : PSK "two networks"\n')
        path.chmod(0o600)
    pair.west.configure(SETUP, NETWORKS, f"\trightsubnet={EAST_LAN}\n\tleftnat={WEST}\n",
                        left=WEST, right=EAST)
    pair.east.configure(SETUP, NETWORKS, left=EAST, right=WEST)
    pair.start()
    return pair


def test_configured_networks_have_one_child_sa_for_all_who_are_translated(lab, configured):
    began = len(configured.west.log())
    with lab.capture("west") as capture, lab.Capture(lab.source, "lan") as here:
        for address in (DEST, SECOND):
            assert lab.source.ping(address)
            assert lab.source.talk("tcp", address, 7000, 100_000)["same"]
    frames = capture.frames()
    assert frames.esp() and not frames.naming(DEST) and not frames.with_octets(PIECE)
    assert len(here.frames().syns()) == 2
    said = configured.west.log()[began:]
    assert said.count(": child esp0x") == 1, said
    assert configured.west.range_of(SOURCE, DEST)["action"] == "tunnel"
    assert configured.west.range_of(WEST, DEST)["action"] == "tunnel"


def test_a_peer_that_begins_speaks_to_the_address_of_those_who_are_translated(lab, configured):
    with lab.capture("west") as capture:
        assert lab.dest.ping(WEST, count=2)
        assert lab.source.talk("tcp", DEST, 7000, 1000)["same"]
    assert not capture.frames().naming(DEST)
    assert configured.west.range_of(SOURCE, DEST)["action"] == "tunnel"
