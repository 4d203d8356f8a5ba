"""Names must resolve before anything else can be decided: the HowTo's "Getting DNS Through"."""
import pytest

from gateway import HOWTO, PRIVATE, SETUP
from lab import DEST, EAST, EAST_LAN, PIECE, SECOND, SOURCE, STRANGER, UNBOUND, WEST, WEST_LAN, until
from test_configured import SECRET

RESOLVER = "games"  # an account that is on every Debian, for a recursive resolver
RECURSIVE = """
config setup
	interfaces=%defaultroute
	dns=127.0.0.1
	dns-users={users}
	dnssec=off
"""
CLEAR = """
conn dns
	left=%defaultroute
	right={server}
	type=passthrough
	auto=route
"""
TUNNEL = """
conn dns
	left={west}
	right={east}
	{side}subnet={server}/32
	authby=secret
	auto=route
"""
SUBNET_ONLY = """
conn client-to-anyone
	leftsubnet={lan}
	left=%defaultroute
	right=%opportunistic
	auto=route

conn sg-to-anyone
	left=%defaultroute
	right=%any
	type=passthrough
	auto=route
"""
INSIDE = """
conn dns-machine
	left=%defaultroute
	leftsubnet={source}/32
	right={server}
	type=passthrough
	auto=route
"""


@pytest.fixture(scope="module")
def named(idle_pair):
    idle_pair.publish()
    return idle_pair


@pytest.fixture
def west(named):
    """East runs as the HowTo has it, west is the test's."""
    named.stop()
    named.east.configure(SETUP, HOWTO)
    named.east.start()
    yield named.west
    named.stop()


def resolver(lab, host, user=RESOLVER, address="127.0.0.1", own=True):
    """A recursive Unbound that asks the servers of the lab by itself, under its own user."""
    conf = lab.dir / f"recursive-{lab.number()}.conf"
    text = (lab.dir / "unbound.conf").read_text()
    text = text.replace(f"interface: {UNBOUND}", f"interface: {address}", 1)
    text = text.replace(f"\toutgoing-interface: {UNBOUND}\n", "")
    text = text.replace("unbound.pid", f"{conf.name}.pid").replace("unbound.log", f"{conf.name}.log")
    conf.write_text(text.replace('username: ""', f'username: "{user}"'))
    (lab.dir / f"{conf.name}.log").touch()
    (lab.dir / f"{conf.name}.log").chmod(0o666)
    lab.dir.chmod(0o777)
    return lab.server("unbound", "-d", "-c", conf, host=host)


def test_a_recursive_resolver_on_the_gateway_works_from_a_cold_start(lab, west):
    """BOOT-1: sg-to-anyone is routed, private even; the resolver begins after the trap."""
    west.configure(RECURSIVE, PRIVATE, users=RESOLVER)
    west.start()
    server = resolver(lab, lab.west)
    with lab.capture("west") as wire:
        until("names resolve", lambda: "root.ns." in lab.dig("example.net", server="127.0.0.1",
                                                             host=lab.west))
        assert lab.source.ping(DEST, wait=5)
        assert lab.west.ping(SECOND, wait=5)
    server.kill()
    server.wait()
    assert west.action(WEST, SECOND) == "tunnel"
    assert not wire.frames().with_octets(PIECE)


def test_nobody_elses_questions_are_exempt(lab, west):
    """BOOT-2: port 53 alone opens nothing."""
    west.configure(RECURSIVE, PRIVATE, users="daemon")
    west.start()
    server = resolver(lab, lab.west)
    assert lab.dig("example.net", server="127.0.0.1", host=lab.west) == ""
    assert lab.dig("example.net", host=lab.west) == ""
    server.kill()
    server.wait()


def test_a_clear_path_to_the_dns_machine(lab, west):
    west.configure(SETUP, PRIVATE, CLEAR, server=UNBOUND)
    west.start()
    assert "root.ns." in lab.dig("example.net", host=lab.west)
    assert lab.source.ping(DEST)
    assert west.eroute(WEST, UNBOUND)["action"] == "pass"


@pytest.mark.parametrize("state", ["cold", "up"])
def test_a_configured_tunnel_to_the_dns_machine(lab, west, named, state):
    """BOOT-3: our own questions go into it as well, and it needs none."""
    for gateway in (west, named.east):
        secrets = gateway.confs / "ipsec.secrets"
        if "PSK" not in secrets.read_text():
            secrets.write_text(secrets.read_text() + SECRET)
    named.east.stop()
    named.east.configure(SETUP, HOWTO, TUNNEL, west=WEST, east=EAST, side="right", server=DEST)
    named.east.start()
    server = resolver(lab, lab.dest, address=DEST)
    west.configure(SETUP, PRIVATE, TUNNEL, west=WEST, east=EAST, side="right", server=DEST, dns=DEST)
    west.start()
    if state == "up":
        assert lab.west.ping(DEST)
    with lab.capture("west") as wire:
        assert lab.source.ping(SECOND, wait=5)
        assert "root.ns." in lab.dig("example.net", server=DEST, host=lab.west)
    server.kill()
    server.wait()
    assert west.action(SOURCE, SECOND) == "tunnel"
    assert not wire.frames().between(WEST, DEST)


def test_an_explicit_route_past_the_trap(lab, west):
    bypass = SETUP.replace("dnssec=off", "dnssec=off\n\troute-bypass=yes")
    lab.west.ip("route", "add", UNBOUND, "via", "198.18.1.254")
    west.configure(bypass, PRIVATE)
    west.start()
    assert "root.ns." in lab.dig("example.net", host=lab.west)
    assert west.eroute(WEST, UNBOUND) is None
    # The rest is still trapped, and a route that comes later counts without a command.
    assert not lab.west.ping(STRANGER, wait=1).received
    lab.west.ip("route", "add", STRANGER, "via", "198.18.1.254")
    until("the route counts", lambda: lab.west.ping(STRANGER, wait=1))
    lab.west.ip("route", "del", STRANGER)
    until("it is gone", lambda: not lab.west.ping(STRANGER, wait=1).received)
    # LAN neighbours are reached in the clear, both ways.
    assert lab.internet.ping(WEST)
    lab.west.ip("route", "del", UNBOUND)


def test_without_the_word_a_route_bypasses_nothing(lab, west):
    lab.west.ip("route", "add", STRANGER, "via", "198.18.1.254")
    west.configure(SETUP, PRIVATE)
    west.start()
    assert not lab.west.ping(STRANGER, wait=1).received
    lab.west.ip("route", "del", STRANGER)


def test_only_the_subnet_is_covered(lab, west):
    """HowTo 2: anything on the gateway may ask anybody."""
    west.configure(RECURSIVE, SUBNET_ONLY, users="daemon")
    west.start()
    server = resolver(lab, lab.west)
    until("names resolve", lambda: "root.ns." in lab.dig("example.net", server="127.0.0.1",
                                                         host=lab.west))
    assert lab.source.ping(DEST, wait=5)
    server.kill()
    server.wait()
    assert west.action(SOURCE, DEST) == "tunnel"


def test_a_dns_machine_inside(lab, west):
    """HowTo 3: the machine is let through by itself."""
    west.configure(SETUP, PRIVATE, INSIDE, source=SOURCE, server=UNBOUND)
    west.start()
    assert "root.ns." in lab.dig("example.net", host=lab.source)
    assert lab.source.ping(DEST)
    assert not lab.source.ping(STRANGER, wait=1).received


def test_questions_time_out_and_communication_starts(lab, west):
    """HowTo 4: with no name server at all, private-or-clear passes within seconds."""
    west.configure(SETUP, HOWTO, dns="198.18.53.99")
    west.start()
    assert lab.source.ping(STRANGER, wait=12)
    assert west.action(SOURCE, STRANGER) == "pass"
