"""Configured tunnels: subnets under one SA, kept up, from both sides, beside opportunism."""
import re

import pytest

from gateway import HOWTO, SETUP, Gateway
from lab import (DEST, EAST, EAST_IN, EAST_LAN, MARKER, PIECE, SECOND, SOURCE, STRANGER, WEST, WEST_IN,
                 WEST_LAN, until)

SITES = """
conn sites
	left={west}
	leftsubnet={west_lan}
	right={east}
	rightsubnet={east_lan}
	authby=secret
	keyingtries=%forever
	auto={auto}
"""
WARRIORS = """
conn warriors
	left={east}
	leftsubnet={east_lan}
	right=%any
	authby=secret
	auto=add
"""
WARRIOR = """
conn home
	left=%defaultroute
	right={east}
	rightsubnet={east_lan}
	authby=secret
	auto=start
"""
PLACES = {"west": WEST, "east": EAST, "west_lan": WEST_LAN, "east_lan": EAST_LAN}
SECRET = ': PSK "they know each other"\n'


def secrets(gateway):
    path = gateway.confs / "ipsec.secrets"
    path.write_text(SECRET)
    path.chmod(0o600)


def configure(gateway, *parts, auto="route", **words):
    secrets(gateway)
    gateway.configure(SETUP, *parts, auto=auto, **{**PLACES, **words})


@pytest.fixture
def sites(idle_pair):
    """Both gateways with the conn, stopped; each test says auto= and starts."""
    idle_pair.stop()
    yield idle_pair
    idle_pair.stop()


def wide(gateway):
    return [row for row in gateway.eroutes()
            if row["action"] == "tunnel" and not row["source"].endswith("/32")]


def children(gateway):
    return sum(sa["children"] for sa in gateway.json("look")["ike_sas"])


def up(gateway, timeout=5):
    until(f"{gateway.host.name}: the tunnel of the sites is up", lambda: wide(gateway), timeout)


@pytest.mark.parametrize("by", ["west", "east"])
def test_two_networks_are_one_row_and_one_sa(lab, sites, by):
    configure(sites.west, SITES)
    configure(sites.east, SITES)
    sites.start()
    with lab.capture("west") as capture:
        first = lab.source.ping(DEST) if by == "west" else lab.dest.ping(SOURCE)
        assert first, first
        assert lab.source.ping(SECOND, count=2)
        assert lab.source.ping(EAST_IN)
        assert lab.second.ping(SOURCE)
    assert [(row["source"], row["destination"]) for row in wide(sites.west)] == [(WEST_LAN, EAST_LAN)]
    assert [(row["source"], row["destination"]) for row in wide(sites.east)] == [(EAST_LAN, WEST_LAN)]
    assert children(sites.west) == children(sites.east) == 1
    with lab.capture("west") as errors:
        assert "exceeded" in lab.source.ping(DEST, options=("-t", "2"), wait=1).text
    assert not capture.frames().with_octets(PIECE) + errors.frames().with_octets(PIECE)
    line = next(line for line in sites.west.ipsec("eroute").stdout.splitlines() if "tun0x" in line)
    assert re.fullmatch(rf"\d+ +{WEST_LAN} +-> {EAST_LAN} +=> tun0x[0-9a-f]+@{EAST}.*", line), line


def test_a_burst_before_the_tunnel_arrives_in_order(lab, sites):
    configure(sites.west, SITES)
    configure(sites.east, SITES, auto="add")
    lab.dest.serve("udp", 7100)
    sites.start()
    said = lab.source.talk("udp", DEST, 7100, 12)
    assert said["in_order"], said


def test_several_networks_of_one_conn(lab, sites):
    more = {"west_lan": "10.1.0.0/25,10.1.0.128/25", "east_lan": "198.19.2.0/30,198.19.2.4/30"}
    configure(sites.west, SITES, **more)
    configure(sites.east, SITES, auto="add", **more)
    sites.start()
    assert lab.source.ping(DEST, count=2)
    assert len(wide(sites.west)) == 4
    assert children(sites.west) == 1
    assert lab.dest.ping(SOURCE)


def test_nothing_of_the_range_leaves_or_comes_in_the_clear(lab, sites):
    configure(sites.west, SITES, auto="start")
    configure(sites.east, SITES, auto="add")
    sites.start()
    up(sites.west)
    with lab.Capture(lab.source, "lan") as here, lab.capture("west") as wire:
        lab.internet.forge(SECOND, SOURCE, 3)
    assert len(wire.frames().between(SECOND, SOURCE).with_octets(MARKER)) == 3
    assert not here.frames().with_octets(MARKER)
    with lab.capture("west") as wire:
        sites.east.kill()
        lab.source.ping(SECOND, wait=1)
        sites.west.kill()
        lab.source.ping(SECOND, wait=1)
    assert not wire.frames().with_octets(PIECE)


def test_stopped_the_range_stays_blocked(lab, sites):
    configure(sites.west, SITES, auto="start")
    configure(sites.east, SITES, auto="add")
    sites.start()
    up(sites.west)
    done = sites.west.stop()
    assert "conn sites" in done.stdout + done.stderr
    with lab.capture("west") as wire:
        assert not lab.source.ping(DEST, wait=1)
    assert not wire.frames().with_octets(PIECE)


def test_auto_start_waits_for_a_peer_that_comes_later(lab, sites):
    configure(sites.west, SITES, auto="start")
    configure(sites.east, SITES, auto="add")
    sites.west.start()
    assert not lab.source.ping(DEST, wait=1)
    sites.east.start()
    up(sites.west, 40)
    assert lab.source.ping(DEST)


def test_auto_start_comes_again_when_the_peer_was_killed(lab, sites):
    configure(sites.west, SITES, auto="start")
    configure(sites.east, SITES, auto="add")
    sites.start()
    up(sites.west)
    sites.east.kill()
    sites.east.start()
    until("pings go through again", lambda: lab.source.ping(DEST, wait=1), 20)
    assert children(sites.east) == 1


def test_up_and_down_by_command(lab, sites):
    configure(sites.west, SITES, auto="add")
    configure(sites.east, SITES, auto="add")
    sites.start()
    done = sites.west.ipsec("auto", "--up", "sites")
    assert re.search(r"sites: up", done.stdout), done.stdout
    assert len(wide(sites.west)) == 1
    assert lab.source.ping(DEST)
    assert sites.west.ipsec("auto", "--down", "sites").returncode == 0
    assert not wide(sites.west)
    until("east knows", lambda: children(sites.east) == 0)


def test_up_says_why_it_is_not(lab, sites):
    configure(sites.west, SITES.replace("%forever", "1"), auto="add")
    configure(sites.east, SITES, auto="add")
    (sites.east.confs / "ipsec.secrets").write_text(SECRET.replace("know", "hate"))
    sites.start()
    done = sites.west.ipsec("auto", "--up", "sites", check=False)
    assert done.returncode == 1
    assert "conn sites: failed, " in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_configured_beats_opportunistic(lab, sites):
    lab_pair = sites
    for gateway, name in ((lab_pair.west, "west"), (lab_pair.east, "east")):
        lab_pair.keys.give(gateway, name)
        path = gateway.confs / "ipsec.secrets"
        path.write_text(path.read_text() + SECRET)
        gateway.configure(SETUP, HOWTO, SITES, auto="route", **PLACES)
    lab_pair.publish()
    lab_pair.start()
    assert lab.source.ping(DEST)
    assert lab.source.ping(STRANGER)
    assert wide(lab_pair.west)[0]["strength"] == "psk"
    assert lab_pair.west.action(SOURCE, STRANGER) == "pass"


def test_road_warriors_two_at_once(lab, sites):
    configure(sites.west, WARRIOR)
    configure(sites.east, WARRIORS)
    stranger = Gateway(lab.stranger, None, STRANGER)
    configure(stranger, WARRIOR)
    sites.start()
    try:
        stranger.start()
        until("both are up", lambda: children(sites.east) == 2)
        with lab.capture("stranger") as capture:
            assert lab.west.ping(DEST) and lab.stranger.ping(DEST, count=2)
            assert lab.dest.ping(STRANGER)
        assert not capture.frames().with_octets(PIECE)
    finally:
        stranger.ipsec("stop", "--open", check=False)
