"""The same over IPv6, inside and outside."""
import pytest

from gateway import HOWTO, SETUP
from lab import (DEST6, EAST, EAST6, EAST_LAN6, PIECE, SECOND6, SOURCE6, STRANGER6, WEST, WEST6,
                 WEST_LAN6, reverse)

CLIENTS6 = """
conn client-to-anyone6
	leftsubnet={lan6}
	also=sg-to-anyone
"""


@pytest.fixture(scope="module")
def pair6(lab, idle_pair):
    pair = idle_pair
    pair.publish()
    pair.publish6()
    pair.west.configure(SETUP, CLIENTS6, HOWTO, lan6=WEST_LAN6)
    pair.east.configure(SETUP, CLIENTS6, HOWTO, lan6=EAST_LAN6)
    pair.start()
    return pair


def test_the_first_ping_is_answered_through_an_ipv6_tunnel(lab, pair6):
    with lab.capture("west") as capture:
        assert lab.source.ping(DEST6)
        assert lab.source.ping(DEST6, count=3)
    frames = capture.frames()
    assert pair6.west.eroute(SOURCE6, DEST6)["said"].endswith("@" + EAST6)
    assert frames.esp().between(WEST6, EAST6)
    assert not frames.with_octets(PIECE)
    assert not frames.naming(SOURCE6, DEST6)


def test_a_connection_sends_one_syn_and_all_of_its_octets(lab, pair6):
    lab.second.serve("tcp", 7000)
    with lab.Capture(lab.source, "lan") as here:
        said = lab.source.talk("tcp", SECOND6, 7000, 1_000_000)
    assert said["same"], said
    assert len(here.frames().syns()) == 1


def test_a_stranger_passes(lab, pair6):
    assert lab.source.ping(STRANGER6, count=3)
    assert pair6.west.action(SOURCE6, STRANGER6) == "pass"


def test_an_error_about_a_packet_of_a_tunnel_goes_back_by_it(lab, pair6):
    """ICM-2, ICM-4"""
    assert lab.source.ping(DEST6)
    with lab.capture("west") as capture:
        assert "exceeded" in lab.source.ping(DEST6, options=("-t", "2"), wait=1).text
    assert not capture.frames().with_octets(PIECE)
    assert not capture.frames().naming(SOURCE6)


def test_a_host_of_ipv6_behind_a_gateway_of_ipv4(lab, pair6):
    """The gateway's address decides the outer family."""
    pair6.stop()
    lab.publish(reverse(DEST6), pair6.east.key("--txt", EAST))
    lab.publish(reverse(SOURCE6), pair6.west.key("--txt", WEST))
    lab.reload_dns()
    pair6.start()
    with lab.capture("west") as capture:
        assert lab.source.ping(DEST6, count=2)
    assert capture.frames().esp().between(WEST, EAST)
    assert not capture.frames().with_octets(PIECE)
