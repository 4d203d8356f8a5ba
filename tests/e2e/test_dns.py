"""DNS that is unsigned, unreachable or silent: a verdict in bounded time, said loudly."""
import time

import pytest

from gateway import HOWTO, PRIVATE, SETUP
from lab import DEST, PIECE, SOURCE, STRANGER

NO_ROOT = """
config setup
	interfaces=%defaultroute
	dns={dns}
"""
SILENT = "198.18.53.99"  # nobody is there and nobody says so


@pytest.fixture(scope="module")
def prepared(lab, idle_pair):
    idle_pair.publish()
    lab.internet.ip("route", "add", "blackhole", SILENT + "/32")
    return idle_pair


def restart(pair, *conf, **words):
    pair.stop()
    pair.west.configure(*conf, **words)
    pair.start()


def test_no_reachable_root_makes_strength_dns_and_is_said_loudly(lab, prepared):
    restart(prepared, NO_ROOT, HOWTO)
    assert lab.source.ping(DEST, wait=8)
    assert prepared.west.eroute(SOURCE, DEST)["strength"] == "dns"
    assert lab.source.ping(STRANGER)
    status = prepared.west.ipsec("status").stdout
    assert "root" in status or "anchor" in status, status


def test_required_dnssec_refuses_unsigned_delegations(lab, prepared):
    restart(prepared, NO_ROOT, "\tdnssec=require\n", HOWTO)
    assert lab.source.ping(DEST, wait=8)
    assert prepared.west.action(SOURCE, DEST) == "pass"


def test_a_silent_name_server_ends_in_pass_and_the_first_packet_is_not_lost(lab, prepared):
    restart(prepared, SETUP, HOWTO, dns=SILENT)
    begin = time.monotonic()
    assert lab.source.ping(DEST, wait=12)
    assert time.monotonic() - begin < 11
    assert prepared.west.action(SOURCE, DEST) == "pass"


def test_a_silent_name_server_leaks_nothing_that_is_private(lab, prepared):
    restart(prepared, SETUP, PRIVATE, dns=SILENT)
    with lab.capture("west") as wire:
        lab.source.ping(DEST, wait=1)
        prepared.west.until_action(SOURCE, DEST, "drop", timeout=11)
    assert not wire.frames().with_octets(PIECE)


def test_the_gateways_own_resolver_user_is_exempt_and_nobody_else_is(lab, prepared):
    """The daemon resolves although its own gateway is covered; a client's DNS is traffic like any."""
    restart(prepared, SETUP, HOWTO)
    assert lab.west.ping(DEST)
    assert lab.dig("10.in-addr.arpa", host=lab.source, options=["+time=5"])
    assert prepared.west.action(SOURCE, "198.18.53.2") == "pass"
