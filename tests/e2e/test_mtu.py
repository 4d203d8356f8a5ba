"""Full-sized packets: untaxed to a stranger, told the right size or cut for a tunnel."""
import re

from lab import DEST, PIECE, SECOND, STRANGER

FULL = 1500 - 28  # what ping -s calls a 1500-octet packet


def test_a_first_packet_of_1500_octets_reaches_a_stranger(lab, pair):
    assert lab.source.ping(STRANGER, size=FULL, options=["-M", "do"])
    assert lab.source.ping(STRANGER, size=FULL, options=["-M", "do"])
    assert "mtu" not in lab.source.ip("route", "get", STRANGER)


def test_a_first_packet_of_1500_octets_that_may_be_cut_gets_through_the_tunnel(lab, pair):
    with lab.capture("west") as capture:
        assert lab.source.ping(DEST, size=FULL, options=["-M", "dont"])
        assert lab.source.ping(DEST, size=FULL, count=2, options=["-M", "dont"])
    assert not capture.frames().with_octets(PIECE)
    assert max(frame.length for frame in capture.frames().esp()) <= 1500


def test_a_packet_that_may_not_be_cut_is_told_the_inner_limit(lab, pair):
    assert lab.source.ping(SECOND)
    ping = lab.source.ping(SECOND, size=FULL, count=2, wait=1, options=["-M", "do"])
    assert not ping.received
    mtu = int(re.search(r"mtu ?= ?(\d+)", ping.text).group(1))
    assert 1400 <= mtu < 1500
    lab.source.ip("route", "flush", "cache")
    assert lab.source.ping(SECOND, size=mtu - 28, options=["-M", "do"])


def test_a_connection_is_clamped_and_needs_no_icmp(lab, pair):
    lab.source.ip("route", "flush", "cache")
    lab.dest.serve("tcp", 7000)
    with lab.Capture(lab.source, "lan") as here, lab.Capture(lab.dest, "lan") as there:
        said = lab.source.talk("tcp", DEST, 7000, 1_000_000)
    assert said["same"], said
    too_big = [frame for frame in [*here.frames(), *there.frames()]
               if frame.protocol == 1 and frame.payload[:2] == b"\x03\x04"]
    assert not too_big
