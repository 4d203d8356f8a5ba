"""The administrator forwards a port of the gateway to a host inside."""
import pytest

from gateway import SETUP
from lab import DEST, SOURCE, STRANGER, WEST

# Only the gateway itself: outside, who is inside has its address.
OWN = """
conn sg-to-anyone
	left=%defaultroute
	right=%opportunistic
	failureshunt=drop
	auto=route
"""
CLIENTS_IN_CLEAR = """
conn client-to-anyone
	left=%defaultroute
	leftsubnet={lan}
	right=0.0.0.0
	rightsubnet=0.0.0.0/0
	type=passthrough
	auto=route
"""
FORWARD = f"""table ip forwarding {{
	chain in {{
		type nat hook prerouting priority dstnat
		ip daddr {WEST} tcp dport 80 dnat to {SOURCE}
	}}
}}"""


@pytest.fixture(scope="module")
def forwarding(lab, idle_pair):
    for port in (80, 81):
        lab.source.serve("tcp", port)
    lab.internet.ip("route", "del", "10.1.0.0/24")
    lab.west.nft(FORWARD)
    idle_pair.publish()
    idle_pair.east.start()
    return idle_pair


@pytest.fixture(params=[OWN, OWN + CLIENTS_IN_CLEAR], ids=["of nobody", "in clear"])
def west(request, forwarding):
    forwarding.west.ipsec("stop", "--open", check=False)
    forwarding.west.configure(SETUP, request.param)
    forwarding.west.start()
    return forwarding.west


def test_answers_to_what_came_by_a_tunnel_take_it(lab, west):
    with lab.capture("west") as wire:
        said = lab.dest.talk("tcp", WEST, 80)
    assert said.get("same"), said
    assert west.action(WEST, DEST) == "tunnel"
    assert wire.frames().esp()
    assert not wire.frames().naming(DEST)


def test_cleartext_for_a_forwarded_port_is_refused(lab, west):
    with lab.Capture(lab.source, "lan") as inside, lab.capture("stranger") as there:
        lab.stranger.run("timeout", "1", "bash", "-c", f"echo > /dev/tcp/{WEST}/80", check=False)
    assert there.frames().syns()
    assert not inside.frames().naming(STRANGER)
    assert "cleartext" in west.ipsec("status").stdout
