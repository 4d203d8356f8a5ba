"""Neighbours on one wire, and inside hosts that do IPsec by themselves."""
import pytest

from gateway import HOWTO, PRIVATE, SETUP, Gateway
from lab import (DEST, DEST6, EAST, EAST_IN, EAST_LAN, PIECE, SECOND, SOURCE, STRANGER, WEST, Host, reverse,
                 until)

SELF = """
conn sg-to-anyone
	left=%defaultroute
	right=%opportunistic
	auto=route
"""
HOSTS = """
conn hosts
	left={left}
	right={right}
	authby=secret
	auto=route
"""
SECRET = ': PSK "they know each other"\n'


def host(lab, of, address):
    """wildswan on a host that is nobody's gateway."""
    gateway = Gateway(of, None, address)
    gateway.ipsec("newhostkey", "--type", "ed25519")
    return gateway


@pytest.fixture(scope="module")
def hosts(lab):
    found = {"source": host(lab, lab.source, SOURCE), "dest": host(lab, lab.dest, DEST),
             "second": host(lab, lab.second, SECOND)}
    yield found
    for gateway in found.values():
        gateway.ipsec("stop", "--open", check=False)


@pytest.fixture
def resting(idle_pair, hosts):
    """Nobody runs."""
    for gateway in (idle_pair.west, idle_pair.east, *hosts.values()):
        gateway.ipsec("stop", "--open", check=False)
    return idle_pair


def test_neighbours_on_one_wire_find_each_other(lab, resting, hosts):
    """OEN-5: both are their own gateways, and no router is between them."""
    for name, address in (("dest", DEST), ("second", SECOND)):
        gateway = hosts[name]
        gateway.configure(SETUP, SELF)
        lab.publish(reverse(address), gateway.key("--ipseckey", address))
    lab.reload_dns()
    hosts["dest"].start()
    hosts["second"].start()
    with lab.Capture(lab.east, "lan1") as wire:
        assert lab.dest.ping(SECOND)
        assert lab.second.ping(DEST, count=2)
    assert hosts["dest"].action(DEST, SECOND) == hosts["second"].action(SECOND, DEST) == "tunnel"
    assert wire.frames().esp().between(DEST, SECOND)
    assert not wire.frames().with_octets(PIECE)
    # A neighbour without records is reached in the clear, through the same trap.
    assert lab.dest.ping("198.19.2.1")
    assert hosts["dest"].action(DEST, "198.19.2.1") == "pass"


@pytest.fixture
def pair_of_hosts(lab, resting, hosts):
    """A configured tunnel between an inside host of west and one of east; both run."""
    for name in ("source", "dest"):
        gateway = hosts[name]
        secrets = gateway.confs / "ipsec.secrets"
        secrets.write_text(secrets.read_text() + SECRET)
        secrets.chmod(0o600)
        gateway.configure(SETUP, HOSTS, left=SOURCE, right=DEST)
        gateway.start()
    return hosts


def test_ipsec_of_inside_hosts_goes_through_the_tunnel_of_their_gateways(lab, resting, pair_of_hosts):
    """Their IKE and ESP is traffic like any other: trapped, looked up, tunnelled."""
    resting.publish()
    for gateway in (resting.west, resting.east):
        gateway.configure(SETUP, PRIVATE)
        gateway.start()
    with lab.capture("west") as wire, lab.Capture(lab.source, "lan") as here:
        assert lab.source.ping(DEST, wait=5)
        assert lab.source.ping(DEST, count=3)
    assert pair_of_hosts["source"].action(SOURCE, DEST) == "tunnel"
    assert resting.west.action(SOURCE, DEST) == resting.east.action(DEST, SOURCE) == "tunnel"
    assert here.frames().between(SOURCE, DEST)
    assert not here.frames().with_octets(PIECE)
    assert not wire.frames().naming(SOURCE, DEST)
    assert wire.frames().esp().between(WEST, EAST)


def test_ipsec_of_inside_hosts_passes_where_traffic_passes(lab, resting, pair_of_hosts):
    """Gateways that find no records: the hosts' own tunnel goes past them in the clear."""
    for address in (SOURCE, DEST, SECOND):
        lab.unpublish(reverse(address))
    lab.reload_dns()
    for gateway in (resting.west, resting.east):
        gateway.configure(SETUP, HOWTO)
        gateway.start()
    with lab.capture("west") as wire:
        assert lab.source.ping(DEST, wait=5)
        assert lab.source.ping(DEST, count=3)
    assert resting.west.action(SOURCE, DEST) == "pass"
    assert wire.frames().between(SOURCE, DEST)
    assert not wire.frames().with_octets(PIECE)


def test_nobody_elses_ipsec_is_exempt(lab, resting, pair_of_hosts):
    """Where policy says private, an inside host's IKE does not leave in the clear either."""
    for address in (SOURCE, DEST):
        lab.unpublish(reverse(address))
    lab.reload_dns()
    resting.west.configure(SETUP, PRIVATE)
    resting.west.start()
    with lab.capture("west") as wire:
        assert not lab.source.ping(DEST, wait=2).received
    assert resting.west.action(SOURCE, DEST) == "drop"
    assert not wire.frames().naming(SOURCE, DEST)


def test_several_gateways_for_one_source_may_all_send(lab, resting, hosts):
    """OEN-4: the Destination's gateway sends by the one that keyed last, and takes from both."""
    other = host(lab, lab.stranger, STRANGER)
    lab.wire(lab.source, "lan2", [], lab.stranger, "inside", ["10.1.0.254/32"])
    lab.stranger.sysctl(net__ipv4__ip_forward=1)
    lab.stranger.ip("route", "add", f"{SOURCE}/32", "dev", "inside")
    lab.source.ip("route", "add", "10.1.0.254/32", "dev", "lan2")
    lab.source.sysctl(net__ipv4__conf__lan2__rp_filter=0,
                      net__ipv4__conf__all__rp_filter=0)
    resting.publish()
    lab.publish(reverse(STRANGER), other.key("--ipseckey", STRANGER))
    lab.publish(reverse(SOURCE), resting.west.key("--txt", WEST),
                other.key("--ipseckey", STRANGER))
    lab.reload_dns()
    resting.west.configure(SETUP, HOWTO)
    resting.east.configure(SETUP, HOWTO)
    other.configure(SETUP, HOWTO, lan=f"{SOURCE}/32")
    for gateway in (resting.west, resting.east, other):
        gateway.start()
    try:
        assert lab.source.ping(DEST)
        assert resting.east.eroute(DEST, SOURCE)["said"].endswith("@" + WEST)
        lab.source.ip("route", "replace", "default", "via", "10.1.0.254", "dev", "lan2")
        assert lab.source.ping(DEST)
        assert resting.east.eroute(DEST, SOURCE)["said"].endswith("@" + STRANGER)
        # The first one's tunnel still brings packets in; answers come by the newest.
        lab.source.ip("route", "replace", "default", "via", "10.1.0.1", "dev", "lan")
        with lab.capture("west") as wire, lab.capture("stranger") as there:
            assert lab.source.ping(DEST, count=2)
        assert wire.frames().esp().between(WEST, EAST)
        assert there.frames().esp().between(EAST, STRANGER)
        assert not wire.frames().with_octets(PIECE)
    finally:
        other.stop("--open")
        lab.source.ip("route", "replace", "default", "via", "10.1.0.1", "dev", "lan")


WARRIORS = """
conn warriors
	left={east}
	leftsubnet={east_lan}
	right=%any
	authby=secret
	auto=add
"""
HOME = """
conn home
	left={source}
	right={east}
	rightsubnet={east_lan}
	authby=secret
	auto=start
"""


def test_an_inside_host_with_a_tunnel_of_its_own_to_the_other_gateway(lab, resting, hosts):
    """What it says to that gateway comes by the tunnel of its own one, and so do the answers."""
    resting.publish()
    for gateway in (hosts["source"], resting.east):
        secrets = gateway.confs / "ipsec.secrets"
        if "PSK" not in secrets.read_text():
            secrets.write_text(secrets.read_text() + SECRET)
            secrets.chmod(0o600)
    words = {"east": EAST, "east_lan": EAST_LAN, "source": SOURCE}
    resting.west.configure(SETUP, PRIVATE)
    resting.east.configure(SETUP, WARRIORS, HOWTO, **words)
    hosts["source"].configure(SETUP, HOME, **words)
    resting.start()
    with lab.capture("west") as wire, lab.Capture(lab.source, "lan") as here:
        hosts["source"].start()
        until("the host's own tunnel is up", lambda: hosts["source"].action(SOURCE, DEST) == "tunnel")
        assert lab.source.ping(DEST, count=2)
        assert lab.dest.ping(SOURCE, count=2)
    assert resting.west.action(SOURCE, EAST) == "tunnel"
    assert resting.west.eroute(SOURCE, DEST) is None
    assert not here.frames().with_octets(PIECE)
    assert not wire.frames().naming(SOURCE)


FRESH, FRESH6, ROUTER6 = "198.19.2.9", "2001:2:0:22::9", "2001:2:0:22::1"


@pytest.fixture
def fresh(lab):
    """wildswan on a machine that has just come to the wire of east's hosts; nothing of IPv6 yet."""
    machine = lab.hosts["fresh"] = Host(lab, "fresh")
    lab.wire(machine, "lan", [f"{FRESH}/24"], lab.east, "lan3", [])
    lab.east.ip("link", "set", "lan3", "master", "lan")
    machine.ip("route", "add", "default", "via", EAST_IN)
    gateway = host(lab, machine, FRESH)
    yield gateway
    gateway.ipsec("stop", "--open", check=False)


def test_a_fresh_machine_finds_its_neighbours_though_everything_is_private(lab, resting, hosts, fresh):
    """IPV-3: the daemon is there first; its address is checked, it resolves and is resolved."""
    gateway, fresh = fresh, fresh.host
    policies = gateway.confs / "ipsec.d" / "policies"
    policies.mkdir(parents=True)
    (policies / "private").write_text("0.0.0.0/0\n::/0\n")
    gateway.configure(SETUP, "conn %default\n")
    hosts["dest"].configure(SETUP, SELF)
    lab.publish(reverse(FRESH6), gateway.key("--ipseckey", FRESH6))
    lab.publish(reverse(DEST6), hosts["dest"].key("--ipseckey", DEST6))
    lab.reload_dns()
    hosts["dest"].start()
    gateway.start()
    with lab.Capture(lab.dest, "lan") as wire:
        fresh.ip("address", "add", f"{FRESH6}/64", "dev", "lan")
        until("nobody else has its address", lambda: not fresh.ip(
            "-6", "address", "show", "dev", "lan", "tentative"))
        fresh.ip("route", "add", "default", "via", ROUTER6)
        until("the daemon knows it", lambda: FRESH6 in gateway.ipsec("status").stdout)
        fresh.ip("-6", "neighbour", "flush", "dev", "lan")
        assert fresh.ping(DEST6, wait=5)
        assert lab.dest.ping(FRESH6)
    assert gateway.eroute(FRESH6, DEST6)["said"].endswith("@" + DEST6)
    for machine, other in ((fresh, DEST6), (lab.dest, FRESH6)):
        assert "lladdr" in machine.ip("-6", "neighbour", "show", other)
    assert wire.frames().esp().between(FRESH6, DEST6)
    assert not wire.frames().with_octets(PIECE)
    assert not fresh.ping(ROUTER6, wait=1).received  # which has no key, and everything is private
