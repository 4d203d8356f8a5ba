"""IKE_AUTH with large keys over a path of 600 octets that drops fragments of IP (RFC 7383)."""
import pytest

from lab import DEST, EAST, PIECE, SOURCE, WEST, reverse

NARROW = 600


@pytest.fixture(scope="module")
def prepared(lab, idle_pair):
    for gateway, outer, hosts in ((idle_pair.west, WEST, [SOURCE]), (idle_pair.east, EAST, [DEST])):
        (gateway.confs / "ipsec.secrets").unlink()
        gateway.ipsec("newhostkey", "--bits", "4096", timeout=60)
        record = gateway.key("--ipseckey", outer)
        for host in (outer, *hosts):
            lab.publish(reverse(host), record)
    lab.reload_dns()
    lab.internet.ip("link", "set", "east", "mtu", str(NARROW))
    # Fragments of IP vanish, and nobody is told that a packet was too big.
    lab.internet.nft("table ip narrow { chain f { type filter hook prerouting priority raw; "
                     f"ip saddr {{ {WEST}, {EAST} }} ip frag-off & 0x3fff != 0 drop; }}; "
                     "chain o { type filter hook output priority 0; "
                     "icmp type destination-unreachable drop; }; }")
    idle_pair.start()
    return idle_pair


def ike_auth(frames):
    """Of what was sent between the gateways on port 4500: (size of the datagram, number, total)."""
    found = []
    for frame in frames.select(lambda f: f.destination_port == 4500):
        message = frame.payload[4:]
        if frame.payload[:4] == bytes(4) and len(message) > 28 and message[18] == 35:
            piece = message[16] == 53
            found.append((len(message) + 32, *(int.from_bytes(message[at:at + 2], "big") if piece
                                               else 0 for at in (32, 34))))
    return found


def test_large_keys_meet_on_a_narrow_path(lab, prepared):
    with lab.capture("west") as west, lab.capture("east") as east:
        assert lab.source.ping(DEST, size=200, wait=9)
        assert lab.source.ping(DEST, size=200)
    assert prepared.west.action(SOURCE, DEST) == "tunnel"
    assert not west.frames().with_octets(PIECE)
    # It was tried whole first; what arrived at east are pieces, each small enough.
    sent, arrived = ike_auth(west.frames()), ike_auth(east.frames())
    assert max(size for size, _, _ in sent) > NARROW
    requests = [piece for piece in arrived if piece[2] > 1]
    assert requests and all(size <= 576 for size, _, _ in requests)
