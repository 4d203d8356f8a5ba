"""Policy groups by port: plaintext HTTP may pass where plaintext Telnet may not."""
import pytest

from gateway import SETUP
from lab import DEST, MARKER, SOURCE, STRANGER, until
from test_ports import knock, silent

GROUP = """
conn {name}
	left=%defaultroute
	leftsubnet={lan}
	right={right}
	auto=route
"""
GROUPS = [GROUP.replace("{name}", name).replace("{right}", right) for name, right in
          (("private", "%opportunisticgroup"), ("private-or-clear", "%opportunisticgroup"),
           ("clear", "%group"), ("block", "%group"))]
FILES = {"private": f"{STRANGER}\n{DEST} tcp 23\n", "private-or-clear": "0.0.0.0/0\n",
         "clear": f"{STRANGER} tcp 80\n", "block": f"{STRANGER} tcp 7\n"}


def write(gateway, **files):
    policies = gateway.confs / "ipsec.d" / "policies"
    policies.mkdir(parents=True, exist_ok=True)
    for name, text in {**FILES, **files}.items():
        (policies / name).write_text(text)


@pytest.fixture(name="gateways", scope="module")
def grouped(lab, idle_pair):
    for port in (7, 23, 80):
        lab.stranger.serve("tcp", port)
        lab.dest.serve("tcp", port)
    idle_pair.publish()
    idle_pair.west.configure(SETUP, *GROUPS)
    write(idle_pair.west)
    idle_pair.start()
    return idle_pair


def test_http_passes_where_telnet_does_not(lab, gateways):
    """POL-2, CLR-1: nothing is asked for what passes; nothing of the rest leaves."""
    with lab.capture("west") as capture:
        assert knock(lab.source, STRANGER, 80)
        assert silent(lab.source, STRANGER, 23)
        assert silent(lab.source, STRANGER, 7)
        assert not lab.source.ping(STRANGER, wait=0.5)
    frames = capture.frames().between(SOURCE, STRANGER)
    assert len(frames.syns()) == 1
    assert {80} == {f.source_port if f.source == STRANGER else f.destination_port for f in frames}


def test_private_refuses_cleartext_from_the_start(lab, gateways):
    with lab.Capture(lab.source, "lan") as capture:
        lab.internet.forge(STRANGER, SOURCE, 3)
    assert not capture.frames().with_octets(MARKER)
    until("it is counted", lambda: "3 cleartext" in gateways.west.ipsec("status").stdout)
    assert "leak" not in gateways.west.ipsec("status").stdout


def test_a_private_port_brings_a_tunnel_for_its_pair(lab, gateways):
    with lab.capture("west") as capture:
        assert knock(lab.source, DEST, 23)
        assert lab.source.ping(DEST, count=2)
        assert knock(lab.source, DEST, 80)
    assert not capture.frames().naming(SOURCE)
    assert len([f for f in capture.frames().ike() if f.ike_is_request()]) >= 2


def test_a_policy_read_again_counts_at_once(lab, gateways):
    write(gateways.west, clear=f"{STRANGER} tcp 7\n", block="")
    gateways.west.ipsec("auto", "--rereadgroups")
    assert silent(lab.source, STRANGER, 80)
    assert knock(lab.source, STRANGER, 7)
    assert knock(lab.source, DEST, 23)
