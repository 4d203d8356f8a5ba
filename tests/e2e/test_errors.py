"""ICMP errors quote the packet they are about: what came by a tunnel must not leave in one."""
import sys

from lab import DEST, PIECE, SECOND, SOURCE, STRANGER, until


def test_an_error_about_a_packet_of_a_tunnel_goes_back_by_it(lab, pair):
    """ICM-2, ICM-4: of a connection's first packet, and of one that is known."""
    assert lab.source.ping(DEST)
    with lab.capture("west") as wire:
        assert "exceeded" in lab.source.ping(DEST, options=("-t", "2"), wait=1).text
        lab.east.nft("""table inet refusing { chain c { type filter hook forward priority filter
            iifname "ipsec0" meta l4proto icmp ct state established reject
            }
            }""")
        assert "nreachable" in lab.source.ping(DEST, count=2, wait=1).text
        lab.east.nft("delete table inet refusing")
    assert wire.frames().esp()
    assert not wire.frames().with_octets(PIECE)
    assert not wire.frames().naming(SOURCE)


def test_an_error_to_a_stranger_leaves_in_the_clear(lab, pair):
    assert "exceeded" in lab.stranger.ping(SOURCE, options=("-t", "2"), wait=1).text
    assert pair.west.action(SOURCE, STRANGER) is None


FORGE = """
import socket, struct, sys
def total(octets):
    n = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    n = (n & 0xFFFF) + (n >> 16)
    return ~((n & 0xFFFF) + (n >> 16)) & 0xFFFF
to, about, piece = sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3])
quoted = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(piece), 0, 0, 1, 17, 0,
                     socket.inet_aton(to), socket.inet_aton(about))
quoted += struct.pack("!HHHH", 9, 9, 8 + len(piece), 0) + piece
error = struct.pack("!BBHI", 11, 0, total(struct.pack("!BBHI", 11, 0, 0, 0) + quoted), 0) + quoted
socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).sendto(error, (to, 0))
"""


def test_an_error_of_a_router_inside_is_sent_by_the_tunnel_of_what_it_quotes(lab, pair):
    """Nobody's connection: the kernel does not know what it is about. West takes it of East alone."""
    piece = PIECE + b"\n" * (len(PIECE) % 2)
    assert lab.source.ping(DEST)
    with lab.capture("west") as wire:
        for about in (DEST, STRANGER):
            lab.second.run(sys.executable, "-c", FORGE, SOURCE, about, piece.hex())
        until("one came in the clear", lambda: wire.frames().naming(SECOND), timeout=2)
    assert len(wire.frames().between(SECOND, SOURCE)) == 1
    assert len(wire.frames().esp()) == 1
    until("it was refused", lambda: "1 selector" in pair.west.ipsec("status").stdout)
