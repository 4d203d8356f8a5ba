"""How far the DNS is believed: forged, broken and vanished answers, and what was protected before."""
import json
import sys
import time

import pytest

import forger
from gateway import HOWTO, without_comments
from lab import DEST, HERE, PIECE, SECOND, SOURCE, STRANGER, WEST, reverse, until

FORGER, VALIDATING = "198.18.53.3", "198.18.53.4"
TXT, IPSECKEY = 16, 45

CONF = """
config setup
	interfaces=%defaultroute
	dns={dns}
	dnssec={mode}
	trust-anchor={anchor}
"""


class Lies:
    """The forger's rules."""

    def __init__(self, lab):
        self.path = lab.dir / "lies"
        self.tell({})

    def tell(self, rules):
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({owner.rstrip("."): rule for owner, rule in rules.items()}))
        fresh.rename(self.path)


@pytest.fixture(scope="module")
def lies(lab, idle_pair):
    idle_pair.publish()
    lab.address(lab.internet, "lo", [FORGER + "/32"])
    lies = Lies(lab)
    liar = lab.internet.start(sys.executable, "-B", HERE / "forger.py", FORGER, "198.18.53.2",
                                lies.path, stdout=-1, text=True)
    assert liar.stdout.readline() == "ready\n"
    return lies


def start(pair, *conf, anchor="/dev/null", mode="off"):
    pair.stop()
    pair.east.configure(CONF, HOWTO, anchor=anchor, mode=mode)
    pair.west.configure(CONF, HOWTO, *conf, anchor=anchor, mode=mode, dns=FORGER)
    pair.start()


def meet(pair, address, action):
    """A packet, and what becomes of the pair."""
    pair.lab.source.ping(address, wait=1)
    pair.west.until_action(SOURCE, address, action, timeout=12)


def delegation(pair):
    """East's delegation as one text, as in its zone."""
    line = without_comments(pair.east.key("--txt", "198.18.2.1"))
    return "".join(line.split('"')[1::2])


@pytest.mark.parametrize("kind,action", [
    ("nxdomain", "pass"), ("absent", "pass"), ("owner", "pass"), ("loop", "pass"),
    ("servfail", "pass"), ("txt", "tunnel"), ("big", "tunnel"),
])
def test_hostile_answers_end_in_a_verdict(lab, idle_pair, lies, kind, action):
    """Whatever comes, it is decided in time; and only what is a delegation delegates."""
    start(idle_pair)
    lies.tell({reverse(SECOND): {"as": kind, "texts": [delegation(idle_pair)]}})
    began = time.monotonic()
    meet(idle_pair, SECOND, action)
    assert time.monotonic() - began < 6
    lies.tell({})
    meet(idle_pair, DEST, "tunnel")


@pytest.mark.parametrize("text", [
    "X-IPsec-Server(10) 198.18.2.1", "X-IPsec-Server=198.18.2.1", "X-IPsec-Server(99999)=198.18.2.1",
    "X-IPsec-Server(10)=127.0.0.1", "X-IPsec-Server(10)=198.18.2.1 AQ===x",
])
def test_near_misses_deny_and_are_said(lab, idle_pair, lies, text):
    start(idle_pair)
    lies.tell({reverse(STRANGER): {"as": "txt", "texts": [text]}})
    with lab.capture("west") as wire:
        meet(idle_pair, STRANGER, "drop")
    assert not wire.frames().with_octets(PIECE)
    assert "malformed" in idle_pair.west.log()


def test_what_was_protected_is_remembered(lab, idle_pair, lies):
    """An unsigned answer takes no protection away from a sticky conn; not after a restart either."""
    start(idle_pair, "\tsticky=yes\n")
    lies.tell({})
    meet(idle_pair, DEST, "tunnel")
    idle_pair.west.stop("--open")
    lies.tell({reverse(DEST): {"as": "nxdomain"}})
    idle_pair.west.start()
    with lab.capture("west") as wire:
        meet(idle_pair, DEST, "drop")
    assert not wire.frames().with_octets(PIECE)
    assert "downgrade?" in idle_pair.west.log()
    trust = idle_pair.west.json("status")["trust"]
    assert trust["downgrades"] == trust["unsigned_absences"] == 1 <= trust["protected"]
    assert idle_pair.west.ipsec("forget", STRANGER, check=False).returncode == 1
    idle_pair.west.ipsec("forget", DEST)
    idle_pair.west.ipsec("eroute", "--del", SOURCE, DEST)
    meet(idle_pair, DEST, "pass")
    assert "may be forged" in idle_pair.west.log()


def test_aliases_lead_to_the_delegation(lab, idle_pair, lies):
    """A classless reverse zone: a CNAME, and a DNAME behind it (RFC 2317, RFC 6672)."""
    lab.publish(reverse(SECOND), f"{reverse(SECOND)} CNAME second.moved.example.net.")
    lab.publish("moved.example.net.", "moved.example.net. DNAME real.example.net.")
    lab.publish("second.real.example.net.", idle_pair.east.key("--txt", "198.18.2.1"))
    lab.reload_dns()
    start(idle_pair)
    meet(idle_pair, SECOND, "tunnel")
    lab.unpublish("moved.example.net.")
    lab.publish(reverse(SECOND), idle_pair.east.key("--txt", "198.18.2.1"))
    lab.reload_dns()


def test_truncated_answers_are_asked_for_again(lab, idle_pair, lies):
    """Too much for a datagram: the whole answer comes over TCP."""
    other = "".join(f'\tIN TXT "v=other{i} {"x" * 200}"\n' for i in range(30))
    lab.publish(reverse(SECOND), other, idle_pair.east.key("--txt", "198.18.2.1"))
    lab.reload_dns()
    start(idle_pair)
    meet(idle_pair, SECOND, "tunnel")
    lab.publish(reverse(SECOND), idle_pair.east.key("--txt", "198.18.2.1"))
    lab.reload_dns()


def questions(frames):
    """The names and types that were asked for on the wire."""
    asked = set()
    for frame in frames:
        if frame.is_dns() and frame.destination == FORGER:
            name, end = forger.name_of(frame.payload)
            asked.add((name, int.from_bytes(frame.payload[end:end + 2], "big")))
    return asked


def test_the_questions_are_the_least_there_are(lab, idle_pair, lies):
    """The Destination's delegation and its gateway's key; no PTR, no name of anybody, no range of ours."""
    start(idle_pair)
    lies.tell({})
    with lab.capture("west") as wire:
        meet(idle_pair, DEST, "tunnel")
    own = {reverse(WEST).rstrip(".")}
    name = reverse(DEST).rstrip(".")
    asked = {question for question in questions(wire.frames()) if question[0] not in own}
    assert asked == {(name, IPSECKEY), (name, TXT)}


def records(pair, *words):
    """West's key where the HowTo wants it, at the gateway and its client."""
    txt = pair.west.key("--txt", WEST, *words)
    pair.lab.publish(reverse(WEST), pair.west.key("--key", *words), txt)
    pair.lab.publish(reverse(SOURCE), txt)
    pair.lab.reload_dns()


def test_keys_roll_over_without_loss(lab, idle_pair, lies):
    """Publish the next one, take it into use, take the old one out: no packet notices."""
    west = idle_pair.west
    idle_pair.stop()
    west.ipsec("newhostkey", "--bits", "2048", "--next", timeout=60)
    records(idle_pair)
    start(idle_pair)
    meet(idle_pair, DEST, "tunnel")
    pings = lab.source.start("ping", "-n", "-i", "0.1", "-c", "60", "-W", "1", DEST, stdout=-1,
                             text=True)
    west.ipsec("auto", "--rollover", timeout=60)
    assert west.json("status")["host_keys"][0] == {"key": "RSA 2048 bits", "next": False}
    secrets = west.confs / "ipsec.secrets"
    lines = secrets.read_text().splitlines(keepends=True)
    old = [line for line in lines if line.startswith(": RSA")][1]
    secrets.write_text("".join(line for line in lines if line != old))
    records(idle_pair)
    west.ipsec("reload")
    meet(idle_pair, SECOND, "tunnel")
    assert " 0% packet loss" in pings.communicate(timeout=20)[0]
    idle_pair.restart()
    meet(idle_pair, DEST, "tunnel")
    assert "peer 198.18.1.1, RSA 2048 bits" in idle_pair.east.log()


def test_an_ecdsa_key_is_published_and_verified(lab, idle_pair, lies):
    """IPSECKEY algorithm 3 (RFC 8005), written by showhostkey, served by NSD, read by the other side."""
    west = idle_pair.west
    idle_pair.stop()
    west.ipsec("newhostkey", "--type", "ecdsa")
    key = west.key("--ipseckey", WEST, "--type", "ecdsa")
    lab.publish(reverse(WEST), key)
    lab.publish(reverse(SOURCE), key)
    lab.reload_dns()
    start(idle_pair)
    meet(idle_pair, SECOND, "tunnel")
    assert "peer 198.18.1.1, ECDSA" in idle_pair.east.log()
    records(idle_pair)


def test_dns_is_verified(lab, idle_pair, lies):
    """The HowTo had to believe every answer. Here the zones are signed, and forged answers about them
    buy neither cleartext nor a tunnel to somebody else; true ones make a tunnel of strength dnssec."""
    anchor = lab.dir / "anchor"
    anchor.write_text(lab.sign())
    start(idle_pair, anchor=anchor, mode="prefer")
    until("west validates", lambda: idle_pair.west.json("status")["dnssec"] == "primed")
    lies.tell({reverse(SECOND): {"as": "nxdomain"},
               reverse(STRANGER): {"as": "txt", "texts": [f"X-IPsec-Server(1)=198.18.3.9 "
                                                        + delegation(idle_pair).split()[1]]}})
    with lab.capture("west") as wire:
        for address in (SECOND, STRANGER):
            meet(idle_pair, address, "drop")
            assert not lab.source.ping(address, wait=1).received
    assert not wire.frames().with_octets(PIECE)
    assert not wire.frames().between(WEST, "198.18.3.9")
    assert "forged or broken DNS answer (bogus)" in idle_pair.west.log()
    assert lab.west.ping(DEST, wait=5)
    assert idle_pair.west.eroute(WEST, DEST)["strength"] == "dnssec"


def test_a_forwarder_that_validates_cannot_hide_a_forgery(lab, idle_pair, lies):
    """Its SERVFAIL would mean cleartext; asked with CD it hands over what is bogus (RFC 4035 3.2.2)."""
    anchor = (lab.dir / "anchor").read_text()  # of the test before
    (lab.dir / "forged").write_text(
        anchor + "19.198.in-addr.arpa. IN DS 4711 13 2 " + "00" * 32 + "\n")
    conf = lab.dir / "validating.conf"
    conf.write_text((lab.dir / "unbound.conf").read_text()
                    .replace("198.18.53.2", VALIDATING)
                    .replace('"iterator"', '"validator iterator"')
                    .replace("unbound.pid", "validating.pid").replace("unbound.log", "validating.log")
                    .replace("server:\n", f'server:\n\ttrust-anchor-file: "{lab.dir}/forged"\n', 1))
    lab.address(lab.internet, "lo", [VALIDATING + "/32"])
    lab.server("unbound", "-d", "-c", conf)
    until("it answers", lambda: lab.dig(".", server=VALIDATING), 10)
    assert not lab.dig(reverse(DEST), "TXT", server=VALIDATING)  # SERVFAIL
    idle_pair.stop()
    idle_pair.west.configure(CONF, HOWTO, anchor=lab.dir / "forged", mode="prefer", dns=VALIDATING)
    idle_pair.start()
    with lab.capture("west") as wire:
        meet(idle_pair, DEST, "drop")
    assert "bogus" in idle_pair.west.log()
    assert not wire.frames().with_octets(PIECE)
