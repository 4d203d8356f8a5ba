"""Transport mode between the two gateways themselves (type=transport)."""
import pytest

from gateway import SETUP
from lab import EAST, EAST6, PIECE, WEST, WEST6
from test_auth import secrets

CONN = """
conn hosts
	left={west}
	right={east}
	type={kind}
	authby=secret
	auto=route
"""


@pytest.fixture(scope="module")
def served(lab):
    lab.east.serve("tcp", 7100)


def configure(pair, west, east, kinds):
    for gateway, kind in zip((pair.west, pair.east), kinds):
        secrets(gateway, f'{west} {east} : PSK "they met at the conference"\n')
        gateway.configure(SETUP, CONN, west=west, east=east, kind=kind)
    pair.restart()


def ping_lengths(lab, pair, west, east):
    """Lengths of the ESP packets of two pings of 112 octets; nothing else may be seen of them."""
    assert lab.west.ping(east)
    with lab.capture("west") as wire:
        assert lab.west.ping(east, count=2) and lab.east.ping(west)
    assert not wire.frames().with_octets(PIECE)
    return {len(frame.payload) for frame in wire.frames().esp()}


@pytest.mark.parametrize("west, east", [(WEST, EAST), (WEST6, EAST6)])
def test_packets_have_one_ip_header(lab, idle_pair, served, west, east):
    configure(idle_pair, west, east, ("transport", "transport"))
    # SPI, number, IV, ICMP with its header and 112 octets, 2 of padding, 2 octets, ICV
    assert ping_lengths(lab, idle_pair, west, east) == {8 + 8 + 120 + 2 + 2 + 16}
    assert "transport mode" in idle_pair.west.log() and "transport mode" in idle_pair.east.log()
    assert lab.west.talk("tcp", east, 7100, 2_000_000).get("same")


def test_it_is_a_tunnel_if_one_of_them_wants_one(lab, idle_pair):
    configure(idle_pair, WEST, EAST, ("transport", "tunnel"))
    assert ping_lengths(lab, idle_pair, WEST, EAST) == {8 + 8 + 20 + 120 + 2 + 2 + 16}


def test_a_device_that_was_made_wider_brings_nothing_that_has_no_room(lab, idle_pair):
    configure(idle_pair, WEST, EAST, ("transport", "transport"))
    assert lab.west.ping(EAST)
    lab.west.ip("link", "set", "ipsec0", "mtu", "9000")
    pid = idle_pair.west.pid()
    lab.west.ping(EAST, size=5000, wait=1, options=("-M", "dont"))
    assert lab.west.ping(EAST)
    assert idle_pair.west.pid() == pid and pid in lab.west.pids()
