"""A peer that goes away is noticed, and one that comes back is met again."""
import time

import pytest

from gateway import SETUP
from lab import (DEST, EAST, EAST_LAN, SOURCE, STRANGER, STRANGER6, WEST, WEST6, WEST_LAN,
                 until)

TUNNEL = """
conn tunnel
	left={west}
	leftsubnet={west_lan}
	right={east}
	rightsubnet={east_lan}
	authby=secret
	dpddelay=1
	dpdtimeout=3
	auto=route
"""
PLACES = {"west": WEST, "east": EAST, "west_lan": WEST_LAN, "east_lan": EAST_LAN}


@pytest.fixture
def tunnel(lab, idle_pair):
    idle_pair.stop()
    for gateway in (idle_pair.west, idle_pair.east):
        path = gateway.confs / "ipsec.secrets"
        path.write_text(f'{WEST} {EAST} : PSK "are you there?"\n')
        path.chmod(0o600)
        gateway.configure(SETUP, TUNNEL, **PLACES)
    idle_pair.start()
    assert lab.source.ping(DEST)
    return idle_pair


def test_a_silent_peer_is_asked_and_given_up(lab, tunnel):
    """The internet loses everything of east."""
    lab.internet.nft("""table inet cut { chain f { type filter hook forward priority 0
        oifname "east" drop
        iifname "east" drop
        }
        }""")
    with lab.capture("west") as capture:
        lab.source.ping(DEST, count=10, wait=1)
        until("west has given east up",
              lambda: tunnel.west.action(SOURCE, DEST) != "tunnel", timeout=8)
    asked = [f for f in capture.frames().ike() if f.ike_exchange() == "INFORMATIONAL"]
    assert len(asked) > 1 and all(f.source == WEST for f in asked)
    lab.internet.nft("delete table inet cut\n")
    until("the tunnel is back", lambda: lab.source.ping(DEST, wait=1), timeout=30)
    assert tunnel.west.action(SOURCE, DEST) == "tunnel"


def test_a_peer_that_was_killed_is_back_within_three_seconds_of_its_start(lab, tunnel):
    """RFC 6290: it proves to west that it lost its SAs; steady traffic makes the next ones."""
    stream = lab.source.start("ping", "-n", "-i", "0.2", "-w", "30", DEST)
    tunnel.east.kill()
    (tunnel.east.rundir / "peers").unlink()  # with it, it would tell west by itself
    tunnel.east.start()
    began = time.monotonic()
    until("an answer", lambda: lab.source.ping(DEST, wait=1), timeout=8)
    assert time.monotonic() - began < 3
    stream.kill()
    stream.wait()
    assert "the peer restarted and proved it" in tunnel.west.log()
    assert tunnel.east.action(DEST, SOURCE) == "tunnel"


def requests_of_west(capture):
    return [f for f in capture.frames().ike() if f.source == WEST and f.ike_is_request()]


def test_cleartext_where_esp_should_come_makes_west_ask_once(lab, tunnel):
    with lab.capture("west") as capture:
        lab.internet.forge(DEST, SOURCE, 1000)
        until("west asks", lambda: requests_of_west(capture))
        end = time.monotonic() + 2
        while time.monotonic() < end:
            lab.internet.forge(DEST, SOURCE, 100)
    assert len(requests_of_west(capture)) == 1
    assert tunnel.west.action(SOURCE, DEST) == "tunnel"


@pytest.mark.parametrize("stranger, west", [(STRANGER, WEST), (STRANGER6, WEST6)])
def test_esp_for_nobody_gets_one_word_and_no_icmp(lab, tunnel, stranger, west):
    """Plain ESP under an SPI that no SA has; the kernel must not say that it has no protocol 50."""
    family = "AF_INET6" if ":" in west else "AF_INET"
    with lab.capture("stranger") as capture:
        lab.stranger.run("python3", "-c", f"""
import socket
s = socket.socket(socket.{family}, socket.SOCK_RAW, 50)
for number in range(4):  # few: a capture loses of a burst
    s.sendto(b"\\0\\1\\2\\3" + number.to_bytes(4, "big") + bytes(40), ("{west}", 0))
""")
        until("west says so", lambda: capture.frames().ike(), timeout=10)
    answers = [f for f in capture.frames() if f.source == west and f.protocol != 58]
    assert [(f.ike_exchange(), f.destination_port) for f in answers] == [("INFORMATIONAL", 500)]
    assert not [f for f in capture.frames() if f.source == west and f.protocol == 58
                and f.payload[0] < 128]  # errors; neighbour discovery is fine
