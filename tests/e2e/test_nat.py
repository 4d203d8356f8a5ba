"""A configured tunnel through a NAT: the internet's router masquerades west."""
import pytest

from gateway import SETUP
from lab import DEST, EAST, EAST_LAN, PIECE, SOURCE, WEST, WEST_LAN, until

OUTSIDE = "198.18.2.254"  # of the NAT, as east sees west
ENTRANCE = "198.18.1.254"  # of a NAT in front of east, as west sees it
TUNNEL = """
conn tunnel
	left={west}
	leftid=@west.example.net
	leftsubnet={west_lan}
	right={east}
	rightid=@east.example.net
	rightsubnet={east_lan}
	authby=secret
	keyingtries=1
	auto=route
"""
PLACES = {"west_lan": WEST_LAN, "east_lan": EAST_LAN}


def masquerade(lab, ports):
    """A NAT that gives west other ports, and has forgotten those it gave before."""
    lab.internet.shell("nft delete table ip mynat 2>/dev/null || true")
    lab.internet.nft(f"""table ip mynat {{ chain post {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {WEST} oifname "east" meta l4proto udp masquerade to :{ports}
        }}
        }}""")
    # Down and up again, the kernel forgets what it has masqueraded there.
    lab.internet.ip("link", "set", "east", "down")
    lab.internet.ip("link", "set", "east", "up")
    lab.internet.ip("route", "replace", EAST_LAN, "via", EAST)


def start(pair, seen_by_west, seen_by_east):
    """Both gateways anew; what each believes to be the addresses of west and east."""
    pair.stop()
    for gateway, (west, east) in ((pair.west, seen_by_west), (pair.east, seen_by_east)):
        path = gateway.confs / "ipsec.secrets"
        path.write_text('@west.example.net @east.example.net : PSK "through a wall"\n')
        path.chmod(0o600)
        gateway.configure(SETUP, TUNNEL, west=west, east=east, **PLACES)
    pair.start()


@pytest.fixture(scope="module")
def tunnel(lab, idle_pair):
    lab.internet.sysctl(net__ipv6__conf__east__keep_addr_on_down=1)
    masquerade(lab, "40000-40999")
    start(idle_pair, (WEST, EAST), (OUTSIDE, EAST))
    return idle_pair


def seen_by_east(lab, count=1):
    """Frames between the NAT and east while west's client talks."""
    with lab.capture("east") as capture:
        assert lab.source.ping(DEST, count=count)
    return capture.frames()


def test_from_behind_a_nat_esp_goes_in_udp_from_its_port(lab, tunnel):
    frames = seen_by_east(lab, 3)
    assert not frames.with_octets(PIECE)
    assert len(frames.esp()) >= 6
    for frame in frames.esp():
        assert frame.protocol == 17
        port = frame.source_port if frame.source == OUTSIDE else frame.destination_port
        assert 40000 <= port <= 40999
    assert tunnel.east.action(DEST, SOURCE) == "tunnel"


def test_the_nat_is_kept_open_by_one_octet(lab, tunnel):
    assert lab.source.ping(DEST)
    with lab.capture("east") as capture:
        until("a keepalive", lambda: [
            f for f in capture.frames()
            if f.protocol == 17 and f.destination == EAST and f.payload == b"\xff"], timeout=25)
    assert not [f for f in capture.frames() if f.source == EAST and f.payload == b"\xff"]


def test_a_new_port_is_followed_by_both_directions(lab, tunnel):
    assert lab.source.ping(DEST)
    masquerade(lab, "50000-50999")
    assert lab.source.ping(DEST, wait=1).sent  # by it east learns where west is
    frames = seen_by_east(lab, 3)
    back = [f for f in frames.esp() if f.source == EAST]
    assert len(back) >= 3 and all(50000 <= f.destination_port <= 50999 for f in back)
    assert not [f for f in frames.ike() if f.ike_exchange() == "IKE_SA_INIT"]
    # What west asks by IKE goes the same way, and so does what east asks.
    assert tunnel.east.log().count("the peer is at") == 1


def test_a_recorded_packet_from_elsewhere_moves_nobody(lab, tunnel):
    frames = seen_by_east(lab, 2)
    old = [f for f in frames.esp() if f.destination == EAST][0]
    before = tunnel.east.log().count("the peer is at")
    lab.stranger.run("python3", "-c", f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 4500))
for _ in range(20):
    s.sendto(bytes.fromhex("{old.payload.hex()}"), ("{EAST}", 4500))
""")
    assert lab.source.ping(DEST, count=3)
    assert tunnel.east.log().count("the peer is at") == before


def test_a_responder_behind_a_nat_is_reached(lab, idle_pair):
    """West knows only the address of the NAT, which hands ports 500 and 4500 on to east."""
    lab.internet.shell("nft delete table ip mynat 2>/dev/null || true")
    lab.internet.nft(f"""table ip mynat {{ chain pre {{
        type nat hook prerouting priority dstnat; policy accept;
        ip daddr {ENTRANCE} udp dport {{ 500, 4500 }} dnat to {EAST}
        }}
        }}""")
    start(idle_pair, (WEST, ENTRANCE), (WEST, EAST))
    with lab.capture("west") as capture:
        assert lab.source.ping(DEST, count=2)
        assert lab.dest.ping(SOURCE, count=2)
    frames = capture.frames()
    assert not frames.with_octets(PIECE)
    assert {f.protocol for f in frames.esp()} == {17}
    assert not frames.between(WEST, EAST)
