"""Strangers' traffic is encrypted end to end: the first packet, and everything after it."""
import pytest

from lab import DEST, MARKER, PIECE, SECOND, SOURCE, STRANGER

INSIDE = (SOURCE, DEST, SECOND)
OUTER = 2048  # octets of what stands between the gateways: whole packets, and more of them in the ring


@pytest.fixture(scope="module")
def wire(lab, pair):
    """Everything that the internet saw of both gateways in this file."""
    with lab.capture("west", OUTER) as west, lab.capture("east", OUTER) as east:
        yield west, east


def test_the_first_ping_is_answered_and_travels_as_esp(lab, pair, wire):
    assert lab.source.ping(DEST)
    row = pair.west.eroute(SOURCE, DEST)
    assert row["action"] == "tunnel" and row["strength"] == "dns"
    assert row["said"].startswith("tun0x") and row["said"].endswith("@198.18.2.1")
    assert pair.east.action(DEST, SOURCE) == "tunnel"
    assert lab.source.ping(DEST, count=5)
    for capture in wire:
        assert len(capture.frames().esp()) >= 12


def test_a_second_client_shares_the_ike_sa_and_its_first_connection_sends_one_syn(lab, pair, wire):
    lab.second.serve("tcp", 7000)
    with lab.Capture(lab.second, "lan") as there, lab.Capture(lab.source, "lan") as here:
        said = lab.source.talk("tcp", SECOND, 7000, 100_000)
    assert said["same"], said
    assert said["connect_ms"] < 900
    assert len(here.frames().syns()) == len(there.frames().syns()) == 1
    inits = wire[0].frames().ike().select(lambda frame: frame.ike_exchange() == "IKE_SA_INIT")
    assert len(inits) == 2  # one request, one response


def test_the_first_datagrams_of_a_burst_arrive_in_order(lab, pair, wire):
    lab.dest.serve("udp", 7001)
    pair.west.restart()
    said = lab.source.talk("udp", DEST, 7001, 12)
    assert said["in_order"], said


def test_four_megabytes_arrive_whole(lab, pair, wire):
    lab.dest.serve("tcp", 7002)
    said = lab.source.talk("tcp", DEST, 7002, 4_000_000)
    assert said["same"], said


def test_the_destination_may_speak_first_in_the_same_tunnel(lab, pair, wire):
    assert lab.dest.ping(SOURCE, count=2)


def test_a_stranger_is_reached_in_the_clear_and_its_packets_are_counted(lab, pair, wire):
    with lab.capture("stranger") as capture:
        assert lab.source.ping(STRANGER)
        assert lab.source.ping(STRANGER, count=5)
    assert len(capture.frames().between(SOURCE, STRANGER).with_octets(MARKER)) == 12
    row = pair.west.eroute(SOURCE, STRANGER)
    assert row["action"] == "pass"
    assert row["packets"] == 6


def test_no_marker_and_no_inside_address_was_ever_seen_between_the_gateways(lab, pair, wire):
    for capture in wire:
        frames = capture.frames()
        private = frames.select(lambda frame: STRANGER not in (frame.source, frame.destination))
        assert private.esp()
        assert not private.with_octets(PIECE)
        assert not private.naming(*INSIDE)
