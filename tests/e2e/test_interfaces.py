"""Addresses that come and go, several interfaces, a default route that moves: no command is given."""
import pytest

from gateway import HOWTO, PRIVATE, SETUP
from lab import (Host, DEST, DEST6, EAST, EAST6, EAST_LAN, EAST_LAN6, PIECE, SECOND, SECOND6, SOURCE,
                 SOURCE6, STRANGER, STRANGER6, WEST, WEST6, WEST_LAN, WEST_LAN6, reverse, until)
from test_ipv6 import CLIENTS6

MOVED, MOVED6 = "198.18.1.77", "2001:2:0:1::77"
OTHER_THAN_MOVED = "198.18.1.78"
OTHER, OTHER_HOP = "198.18.4.1", "198.18.4.254"


@pytest.fixture(scope="module")
def uplinks(lab, idle_pair):
    """West has a second way out, not used yet: `wan2`."""
    idle_pair.publish()
    lab.wire(lab.west, "wan2", [f"{OTHER}/24"], lab.internet, "west2", [f"{OTHER_HOP}/24"])
    for name in ("wan", "wan2"):
        lab.west.sysctl(**{f"net__ipv4__conf__{name}__rp_filter": 2,
                           f"net__ipv4__conf__{name}__promote_secondaries": 1})
    key = idle_pair.west.key("--key")
    for address in (MOVED, OTHER):
        lab.publish(reverse(address), key, idle_pair.west.key("--txt", address))
    lab.publish(reverse(SOURCE), *(idle_pair.west.key("--txt", a) for a in (WEST, MOVED, OTHER)))
    lab.reload_dns()
    return idle_pair


@pytest.fixture
def west(lab, uplinks):
    """West as it was, stopped; east runs."""
    uplinks.stop()
    for gateway in (uplinks.west, uplinks.east):
        gateway.configure(SETUP, HOWTO)
    uplinks.east.start()
    yield uplinks.west
    uplinks.stop()
    lab.west.shell(f"""
        ip -4 address flush dev wan
        ip -4 address flush dev wan2
        ip address add {WEST}/24 dev wan
        ip address add {OTHER}/24 dev wan2
        ip link set wan up
        ip link set wan2 up
        ip -6 address replace {WEST6}/64 dev wan nodad
        ip -6 route replace default via 2001:2:0:1::fe
        ip route replace default via 198.18.1.254""")
    route_by(lab, WEST)


def route_by(lab, outer):
    """Where the source's network is, to the internet. Its records name all three addresses."""
    lab.internet.ip("route", "replace", WEST_LAN, "via", outer)


def outer(gateway):
    return gateway.json("status")["outer"]


def until_outer(gateway, *addresses):
    until(f"outer addresses are {addresses}",
          lambda: [a for a in outer(gateway) if ":" not in a] == list(addresses))


def until_known(lab, address):
    until(f"{address} is known to the kernel",
          lambda: address in lab.west.shell("nft list set inet wildswan known4"), timeout=3)


def sas(gateway):
    return gateway.json("look")["ike_sas"]


def test_the_outer_address_changes(lab, uplinks, west):
    """RST-8: SAs of the old address go, the next packet makes new ones from the new address."""
    west.start()
    assert lab.source.ping(DEST)
    assert lab.west.ping(DEST)
    lab.west.shell(f"ip address add {MOVED}/24 dev wan; ip address del {WEST}/24 dev wan;"
                   f"ip route replace default via 198.18.1.254 src {MOVED}")
    until_outer(west, MOVED)
    assert not sas(west)
    assert MOVED in lab.west.ip("address", "show", "dev", "ipsec0")
    assert WEST not in lab.west.ip("address", "show", "dev", "ipsec0")
    assert west.eroute(WEST, DEST) is None
    route_by(lab, MOVED)
    until("east has let go of the old ones", lambda: not sas(uplinks.east))
    with lab.capture("west") as wire:
        assert lab.source.ping(DEST)
        assert lab.west.ping(DEST)
    assert not wire.frames().with_octets(PIECE)
    assert west.action(SOURCE, DEST) == west.action(MOVED, DEST) == "tunnel"


def test_nothing_of_a_new_address_leaves_before_it_has_a_policy(lab, uplinks, west):
    west.configure(SETUP, PRIVATE)
    west.start()
    ping = lab.west.start("ping", "-i", "0.002", "-p", PIECE.hex(), "-s", "112", STRANGER)
    with lab.capture("west") as wire:
        lab.west.shell(f"ip address add {MOVED}/24 dev wan; ip address del {WEST}/24 dev wan;"
                       f"ip route replace default via 198.18.1.254 src {MOVED}")
        for _ in range(2):
            lab.west.ping(STRANGER, wait=1, options=("-I", MOVED))
        until_outer(west, MOVED)
    ping.kill()
    assert not wire.frames().with_octets(PIECE)


def test_a_command_may_see_a_new_address_first(lab, uplinks, west):
    """Two changes close together: the second is looked at a tenth of a second later."""
    west.start()
    lab.west.ip("address", "add", OTHER_THAN_MOVED + "/24", "dev", "wan")
    until_known(lab, OTHER_THAN_MOVED)
    lab.west.ip("address", "add", MOVED + "/24", "dev", "wan")
    west.ipsec("auto", "--rereadgroups")
    until_known(lab, MOVED)


def test_the_network_comes_up_after_the_gateway(lab, uplinks, west):
    lab.west.shell("ip link set wan down; ip link set wan2 down; ip route del default || true;"
                   "ip -4 address flush dev wan; ip -4 address flush dev wan2")
    done = west.start()
    assert "no default route" in done.stdout + done.stderr + west.log()
    assert not [a for a in outer(west) if ":" not in a]
    lab.west.shell(f"ip link set wan up; ip address add {WEST}/24 dev wan;"
                   "ip route add default via 198.18.1.254")
    until_outer(west, WEST)
    assert lab.source.ping(DEST)
    assert lab.west.ping(DEST)
    assert west.action(WEST, DEST) == "tunnel"


def test_a_link_that_goes_and_comes_back(lab, uplinks, west):
    west.start()
    assert lab.source.ping(DEST)
    lab.west.ip("link", "set", "wan", "down")
    until_outer(west)
    lab.west.shell("ip link set wan up; ip route add default via 198.18.1.254")
    until_outer(west, WEST)
    assert lab.source.ping(DEST, wait=5)
    assert west.action(SOURCE, DEST) == "tunnel"


def test_the_default_route_moves_to_another_device(lab, uplinks, west):
    west.start()
    assert lab.source.ping(DEST)
    lab.west.ip("route", "replace", "default", "via", OTHER_HOP)
    until_outer(west, OTHER)
    route_by(lab, OTHER)
    with lab.capture("west2") as wire:
        assert lab.source.ping(DEST)
        assert lab.west.ping(SECOND)
    assert not wire.frames().with_octets(PIECE)
    assert wire.frames().between(OTHER, EAST)
    assert west.action(OTHER, SECOND) == "tunnel"


def test_several_interfaces(lab, uplinks, west):
    """Two uplinks, each with its own address covered, the gateway reached by the right one."""
    setup = SETUP.replace("%defaultroute", '"ipsec0=wan ipsec1=wan2"')
    west.configure(setup, HOWTO)
    west.start()
    until_outer(west, WEST, OTHER)
    # East is behind the second one: a gateway for it starts from there.
    lab.west.ip("route", "add", "198.18.2.0/24", "via", OTHER_HOP)
    lab.west.ip("route", "add", EAST_LAN, "via", OTHER_HOP)
    route_by(lab, OTHER)
    with lab.capture("west2") as wire:
        assert lab.source.ping(DEST)
        assert lab.west.ping(SECOND)
        assert lab.west.ping(SECOND, options=("-I", WEST))
    assert wire.frames().between(OTHER, EAST)
    assert not wire.frames().with_octets(PIECE)
    assert west.action(SOURCE, DEST) == "tunnel"
    assert west.action(OTHER, SECOND) == west.action(WEST, SECOND) == "tunnel"
    lab.west.shell(f"ip route del 198.18.2.0/24; ip route del {EAST_LAN}")


def test_an_added_and_a_removed_inside_address_disturb_nobody(lab, uplinks, west):
    west.start()
    assert lab.source.ping(DEST)
    before = west.eroute(SOURCE, DEST)
    lab.west.shell("ip address add 10.1.0.99/24 dev lan; ip address del 10.1.0.99/24 dev lan")
    assert lab.source.ping(DEST, count=3)
    assert west.eroute(SOURCE, DEST)["said"] == before["said"]
    assert len(sas(west)) == 1


def test_an_ipv6_address_changes(lab, uplinks, west):
    """The same in IPv6, inside and outside; the old address stays beside the new one for a while."""
    uplinks.publish6()
    key = west.key("--key")
    lab.publish(reverse(MOVED6), key, west.key("--txt", MOVED6))
    lab.publish(reverse(SOURCE6), west.key("--txt", WEST6), west.key("--txt", MOVED6))
    lab.reload_dns()
    uplinks.stop()
    west.configure(SETUP, CLIENTS6, PRIVATE, lan6=WEST_LAN6)
    uplinks.east.configure(SETUP, CLIENTS6, HOWTO, lan6=EAST_LAN6)
    uplinks.start()
    assert lab.source.ping(DEST6)
    assert west.action(SOURCE6, DEST6) == "tunnel"
    with lab.capture("west") as wire:
        lab.west.ip("address", "add", f"{MOVED6}/64", "dev", "wan", "nodad")
        lab.west.ping(STRANGER6, wait=1, options=("-I", MOVED6))
        lab.west.ip("address", "del", f"{WEST6}/64", "dev", "wan")
        until("the outer address is the new one",
              lambda: [a for a in outer(west) if ":" in a] == [MOVED6])
        lab.internet.ip("route", "replace", WEST_LAN6, "via", MOVED6)
        assert lab.source.ping(DEST6, wait=5)
        assert lab.west.ping(SECOND6, wait=5)
    assert not wire.frames().with_octets(PIECE)
    assert wire.frames().between(MOVED6, EAST6)
    assert west.action(SOURCE6, DEST6) == west.action(MOVED6, SECOND6) == "tunnel"
    lab.west.ip("address", "del", f"{MOVED6}/64", "dev", "wan")
    lab.internet.ip("route", "replace", WEST_LAN6, "via", WEST6)


ANNEX = """
conn annex-to-anyone
	leftsubnet=10.9.0.0/24
	also=sg-to-anyone
"""


def test_inside_networks_on_two_interfaces(lab, uplinks, west):
    """Each lives where it is routed: a packet of the one on the other's wire is a forgery."""
    annex = Host(lab, "annex")
    lab.hosts["annex"] = annex
    lab.wire(annex, "lan", ["10.9.0.2/24"], lab.west, "lan2", ["10.9.0.1/24"])
    annex.ip("route", "add", "default", "via", "10.9.0.1")
    lab.internet.ip("route", "add", "10.9.0.0/24", "via", WEST)
    lab.publish(reverse("10.9.0.2"), west.key("--txt", WEST))
    lab.reload_dns()
    west.configure(SETUP, ANNEX, HOWTO)
    west.start()
    with lab.capture("west") as wire:
        assert annex.ping(DEST)
        assert lab.source.ping(DEST)
        assert annex.ping(SOURCE)  # from inside to inside: no business of ours
        lab.source.forge("10.9.0.2", SECOND, 3)
        lab.source.forge("10.9.0.2", STRANGER, 3)
    assert west.action("10.9.0.2", DEST) == west.action(SOURCE, DEST) == "tunnel"
    assert west.eroute("10.9.0.2", SOURCE) is None
    assert west.eroute("10.9.0.2", SECOND) is None
    assert not wire.frames().with_octets(PIECE)
    assert west.json("status")["dropped"]["esp"]["forged"] >= 6


def test_nothing_leaves_between_the_steering_and_the_daemon(lab, uplinks, west):
    """BOOT-4: as at boot, the steering comes before the network and the daemon after it."""
    lab.west.shell("ip link set wan down; ip -4 address flush dev wan; ip -4 address flush dev wan2")
    west.configure(SETUP, PRIVATE)
    west.ipsec("start", "--steering")
    with lab.capture("west") as wire:
        lab.west.shell(f"ip link set wan up; ip address add {WEST}/24 dev wan;"
                       "ip route replace default via 198.18.1.254")
        for host in (lab.west, lab.source):
            assert not host.ping(STRANGER, wait=1).received
        west.start()
        assert lab.source.ping(DEST, wait=5)
        assert lab.west.ping(DEST, wait=5)
    assert not wire.frames().with_octets(PIECE)
