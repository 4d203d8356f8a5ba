"""Beside other people's firewall rules: filters, translation, marks, and somebody who wipes ours."""
import pytest

from gateway import HOWTO, PRIVATE, SETUP
from lab import DEST, EAST, MARKER, PIECE, SECOND, SOURCE, STRANGER, WEST, until

# A stateful default-drop filter. Trapped packets leave the forward hook towards ipsec0.
STATEFUL = """
table inet admin {
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		iifname "lan" accept
	}
}
"""

# What wg-quick loads for a tunnel with a default route: it keeps marks in conntrack and puts them back.
WG_QUICK = """
table ip wg-quick-wg0 {
	chain preraw {
		type filter hook prerouting priority raw; policy accept;
	}
	chain premangle {
		type filter hook prerouting priority mangle; policy accept;
		meta l4proto udp meta mark set ct mark
	}
	chain postmangle {
		type filter hook postrouting priority mangle; policy accept;
		meta l4proto udp meta mark 0x0000ca6c ct mark set meta mark
	}
}
"""


@pytest.fixture(autouse=True)
def fresh(pair):
    """Each test begins with new gateways and without somebody else's rules."""
    pair.stop()
    pair.west.configure(SETUP, HOWTO)
    pair.start()
    yield
    for table in ("inet admin", "ip wg-quick-wg0", "ip admin"):
        pair.west.host.run("nft", "delete", "table", *table.split(), check=False)


def test_a_stateful_default_drop_filter_lets_the_first_connection_through_at_once(lab, pair):
    lab.west.nft(STATEFUL)
    lab.dest.serve("tcp", 7000)
    lab.stranger.serve("tcp", 7000)
    for address in (DEST, STRANGER):
        with lab.Capture(lab.source, "lan") as here:
            said = lab.source.talk("tcp", address, 7000, 10_000)
        assert said["same"], said
        assert said["connect_ms"] < 900
        assert len(here.frames().syns()) == 1


def test_the_filter_still_refuses_who_was_not_asked(lab, pair):
    lab.west.nft(STATEFUL)
    assert not lab.dest.ping(SOURCE, wait=1).received
    assert lab.source.ping(DEST, count=2)


def test_a_restored_mark_leaks_nothing(lab, pair):
    lab.west.nft(WG_QUICK)
    pair.west.stop("--open")
    pair.west.configure(SETUP, PRIVATE)
    pair.west.start()
    lab.dest.serve("udp", 7001)
    with lab.capture("west") as capture:
        first = lab.source.talk("udp", DEST, 7001, 5)
        again = lab.source.talk("udp", DEST, 7001, 5)
        lab.source.talk("udp", STRANGER, 7001, 2)
    assert first["in_order"] and again["in_order"], (first, again)
    assert not capture.frames().with_octets(PIECE)


def test_a_filter_that_forbids_our_ike_is_named_in_the_log(lab, pair):
    lab.west.nft("""
table inet admin {
	chain output {
		type filter hook output priority filter; policy accept;
		udp dport { 500, 4500 } drop
	}
}
""")
    source = lab.source.start("ping", "-c", "1", DEST, stdout=-3)
    until("it is said", lambda: f"IKE to {EAST} cannot be sent: Operation not permitted; a filter of "
          "this machine forbids it" in pair.west.log())
    source.kill()


def test_somebody_flushes_the_ruleset_and_it_is_back_at_once(lab, pair):
    pair.west.stop("--open")
    pair.west.configure(SETUP, PRIVATE)
    pair.west.start()
    assert lab.source.ping(DEST)
    lab.west.run("nft", "flush", "ruleset")
    until("the steering is back", lambda: "wildswan" in pair.west.tables(), timeout=2)
    with lab.capture("west") as capture:
        assert lab.source.ping(DEST, count=2)
        assert not lab.source.ping(STRANGER, wait=1).received
        assert lab.source.ping(SECOND)
    assert not capture.frames().with_octets(PIECE)


def test_somebody_deletes_our_routing_rule_and_it_is_back_at_once(lab, pair):
    assert lab.source.ping(DEST)
    before = lab.west.ip("rule", "show")
    ours = [line for line in before.splitlines() if "fwmark" in line]
    assert ours
    for line in ours:
        lab.west.ip("rule", "delete", "priority", line.split(":")[0])
    until("the rule is back", lambda: lab.west.ip("rule", "show") == before, timeout=2)
    assert lab.source.ping(SECOND)


def test_a_forged_inside_source_from_the_internet_is_dropped(lab, pair):
    with lab.Capture(lab.source, "lan") as here, lab.capture("stranger") as there:
        lab.internet.forge(SOURCE, WEST)
        lab.internet.run("ip", "route", "replace", "198.18.77.0/24", "via", WEST)
        lab.internet.forge(SOURCE, "198.18.77.1", 3)
    assert not here.frames().with_octets(PIECE)
    assert not there.frames().with_octets(PIECE)
    assert pair.west.eroute(SOURCE, "198.18.77.1") is None


def test_cleartext_that_claims_to_come_from_a_tunnelled_pair_is_dropped(lab, pair):
    assert lab.source.ping(DEST)
    with lab.Capture(lab.source, "lan") as here, lab.capture("west") as wire:
        lab.internet.forge(DEST, SOURCE, 3)
    assert len(wire.frames().between(DEST, SOURCE).with_octets(MARKER)) == 3
    assert not here.frames().with_octets(MARKER)
