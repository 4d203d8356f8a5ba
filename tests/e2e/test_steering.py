"""The steering on a real kernel, alone: a bare TUN instead of the engine, no IKE, no DNS."""
import json
import queue
import re
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

from lab import (BUILD, DEST, DEST6, EAST, HERE, MARKER, SECOND, SOURCE, SOURCE6, STRANGER,
                 STRANGER6, WEST, WEST6, WEST_IN, WEST_LAN, WEST_LAN6, Lab, until)

BED = BUILD / "src" / "engine" / "steering" / "steering-bed"
DAEMON_DOWN_S = 3
ANY6 = "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
# Disjoint, as the policy table would make them: `second` is private, network 198.18.9.0/24 passes,
# .10 is dropped, .11 rejected; all else is private-or-clear.
ROWS = []
for local in (WEST_LAN, WEST):
    ROWS += [local, "0.0.0.0-198.18.8.255", "trap",
             local, "198.18.9.0/24", "pass",
             local, "198.18.10.0/24", "drop",
             local, "198.18.11.0/24", "reject",
             local, "198.18.12.0-198.19.2.2", "trap",
             local, SECOND, "private",
             local, "198.19.2.4-255.255.255.255", "trap"]
ROWS += [WEST_LAN6, ANY6, "trap", WEST6, ANY6, "trap"]


class Bare(Lab):
    """The bed without name servers."""

    def start_dns(self):
        for number in (9, 10, 11):
            self.address(self.stranger, "lo", [f"198.18.{number}.9/32"])
            self.internet.ip("route", "add", f"198.18.{number}.0/24", "via", STRANGER)


class Tun:
    """What comes to ipsec0."""

    def __init__(self, host):
        self.process = host.start(sys.executable, "-B", HERE / "tun.py", "ipsec0", "1500", WEST,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        self.seen = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.seen.put(json.loads(line))

    def next(self, timeout=3, **want):
        """The next packet that is as wanted."""
        while True:
            packet = self.seen.get(timeout=timeout)
            if all(packet[name] == value for name, value in want.items()):
                return packet

    def forget(self):
        while not self.seen.empty():
            self.seen.get()

    def quiet(self, **want):
        """True if no such packet has come; a marker packet went the same way before."""
        found = []
        while not self.seen.empty():
            packet = self.seen.get()
            found += [packet] if all(packet[k] == v for k, v in want.items()) else []
        return not found

    def tell(self, verb, octets):
        print(verb, octets, file=self.process.stdin, flush=True)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Steering:
    """The bed's program, and what it said."""

    def __init__(self, host, *rows):
        self.host = host
        self.process = host.start(BED, DAEMON_DOWN_S, *rows, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.log = []
        threading.Thread(target=self.read, daemon=True).start()
        host.nft(self.text("text"))

    def read(self):
        for line in self.process.stderr:
            self.log.append(line)

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().rstrip("\n")

    def tell(self, *words):
        assert self.ask(*words) == "ok"

    def text(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        lines = []
        while (line := self.process.stdout.readline()) != ".\n":
            lines.append(line)
        return "".join(lines)

    def pair(self, source, destination, action):
        self.tell("pair", source, destination, action)

    def number(self, *words):
        return int(self.ask(*words))

    def said(self, piece):
        return any(piece in line for line in self.log)

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def bare():
    with Bare() as bed:
        yield bed


@pytest.fixture(name="west")
def steered(bare):
    """West with steering, a live heartbeat and a bare TUN; everything gone afterwards."""
    west = bare.west
    west.steering = Steering(west, *ROWS, "--", WEST_LAN, WEST_LAN6)
    west.tun = Tun(west)
    west.steering.tell("routes", "up")
    west.steering.tell("open")
    west.steering.tell("beat", "on")
    yield west
    west.steering.text("down")
    west.steering.tell("routes", "down")
    west.steering.stop()
    west.tun.stop()
    west.nft("flush ruleset\n")


def sends_nothing(host, address):
    return not host.ping(address, wait=0.3)


def test_the_kernel_takes_the_text_and_the_rules_for_a_stop(west):
    for text in (west.steering.text("text"), west.steering.text("leftover")):
        west.run("nft", "-c", "-f", "-", input=text)


@pytest.mark.parametrize("source, destination", [(SOURCE, STRANGER), (SOURCE6, STRANGER6)])
def test_a_packet_of_an_inside_host_is_trapped_untracked(bare, west, source, destination):
    assert sends_nothing(bare.source, destination)
    assert west.tun.next(source=source, destination=destination)["ttl"] == 63
    assert west.steering.number("dropped", "leak") == 0


@pytest.mark.parametrize("source, destination", [(WEST, STRANGER), (WEST6, STRANGER6)])
def test_a_packet_of_the_gateway_is_trapped(west, source, destination):
    assert sends_nothing(west, destination)
    assert west.tun.next(source=source, destination=destination)["ttl"] == 64


def test_a_passing_pair_stays_in_the_kernel_and_is_counted_once(bare, west):
    for source, destination in ((SOURCE, STRANGER), (SOURCE6, STRANGER6)):
        west.steering.pair(source, destination, "pass")
        assert bare.source.ping(destination, count=5)
        assert west.steering.number("use", source, destination) == 5
        assert west.tun.quiet(source=source)
    west.steering.pair(SOURCE, STRANGER, "trap")
    assert sends_nothing(bare.source, STRANGER)
    west.tun.next(source=SOURCE, destination=STRANGER)


def test_rows_that_pass_drop_and_reject_do_it_in_the_kernel_and_count(bare, west):
    assert bare.source.ping("198.18.9.9", count=3)
    assert west.steering.number("row", 0) == 0
    assert west.steering.number("row", 1) == 3
    assert sends_nothing(bare.source, "198.18.10.9")
    assert west.steering.number("row", 2) == 1
    assert "Packet filtered" in bare.source.ping("198.18.11.9", wait=0.3).text
    assert west.steering.number("row", 3) == 1
    assert west.tun.quiet(source=SOURCE)


def test_who_takes_over_the_same_policy_leaves_its_elements_alone(bare, west):
    west.steering.tell("close")
    west.nft(west.steering.text("text"))
    west.nft("flush set inet wildswan replacing\n")
    assert sends_nothing(bare.source, "198.18.10.9")
    west.steering.tell("open")
    assert west.steering.number("row", 2) == 1  # put in anew, it would have counted nothing


def test_dropped_and_rejected_pairs_are_counted(bare, west):
    west.steering.pair(SOURCE, STRANGER, "drop")
    assert sends_nothing(bare.source, STRANGER)
    assert west.steering.number("use", SOURCE, STRANGER) == 1
    west.steering.pair(SOURCE, STRANGER, "reject")
    assert "Packet filtered" in bare.source.ping(STRANGER, wait=0.3).text
    assert west.steering.number("use", SOURCE, STRANGER) == 1
    west.steering.pair(SOURCE6, STRANGER6, "reject")
    assert "dministratively" in bare.source.ping(STRANGER6, wait=0.3).text
    west.steering.pair(WEST, STRANGER, "reject")
    assert not west.ping(STRANGER, wait=0.3)
    assert west.tun.quiet(destination=STRANGER)


def test_a_tunnelled_pair_goes_to_the_engine_tracked(bare, west):
    west.steering.pair(SOURCE, STRANGER, "tunnel")
    west.nft("""table inet admin { chain f { type filter hook forward priority filter
        oifname "ipsec0" ct state new counter name seen
        }
        counter seen { }
        }""")
    assert sends_nothing(bare.source, STRANGER)
    west.tun.next(source=SOURCE, destination=STRANGER)
    assert "packets 1" in west.shell("nft list counter inet admin seen")


def test_a_private_pair_is_trapped_too(bare, west):
    assert sends_nothing(bare.source, SECOND)
    west.tun.next(source=SOURCE, destination=SECOND)


def test_own_addresses_the_inside_and_broadcasts_are_exempt(bare, west):
    assert bare.source.ping(WEST)
    assert bare.source.ping(WEST_IN)
    assert west.ping(SOURCE)
    assert west.ping(WEST)
    assert west.tun.quiet()


def test_an_inside_source_from_outside_is_a_forgery(bare, west):
    before = west.steering.number("dropped", "forged")
    bare.internet.ip("route", "add", "198.18.99.0/24", "via", WEST)
    bare.internet.forge(SOURCE, "198.18.99.1", 3)
    bare.internet.ip("route", "del", "198.18.99.0/24")
    until("counted", lambda: west.steering.number("dropped", "forged") == before + 3)
    assert west.tun.quiet(source=SOURCE)


def test_while_a_table_is_not_whole_no_cleartext_comes_in_and_it_does_not_stay_so(bare, west):
    before = west.steering.number("dropped", "cleartext")
    west.steering.tell("close")
    west.nft(west.steering.text("text"))  # and no more: who loaded it was killed
    west.nft("add element inet wildswan changing { ipv4, ipv6 }\nflush set inet wildswan local4\n")
    bare.internet.forge(STRANGER, WEST, 2)
    west.steering.tell("open")
    until("counted", lambda: west.steering.number("dropped", "cleartext") == before + 2)
    west.steering.tell("alive")
    sets = west.run("nft", "list", "sets", "inet").stdout
    assert re.search(r"set replacing \{[^}]*nf_proto\s*\}", sets)
    assert re.search(r"set changing \{[^}]*nf_proto\s*\}", sets)
    bare.internet.forge(STRANGER, WEST, 1)
    assert west.steering.number("dropped", "cleartext") == before + 2


def test_cleartext_of_a_tunnelled_or_private_pair_is_dropped_and_counted(bare, west):
    before = west.steering.number("dropped", "cleartext")
    assert bare.internet.forge(STRANGER, SOURCE, 1) is None
    assert west.steering.number("dropped", "cleartext") == before
    west.steering.pair(SOURCE, STRANGER, "tunnel")
    bare.internet.forge(STRANGER, SOURCE, 2)
    bare.internet.forge(SECOND, SOURCE, 1)
    bare.internet.forge(SECOND, WEST, 1)
    until("counted", lambda: west.steering.number("dropped", "cleartext") == before + 4)


def test_a_name_query_of_an_exempt_user_leaves_and_is_answered(bare, west):
    """The pair is private, so only connection tracking lets the answer in."""
    bare.second.serve("udp", 53)
    ask = f"""
import os, socket
os.setuid(%d)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.5)
s.connect(("{SECOND}", 53))
s.send(b"name?")
try:
    print(s.recv(100).decode())
except OSError as e:
    print("silence")
"""
    assert west.run(sys.executable, "-c", ask % 53).stdout == "name?\n"
    assert west.run(sys.executable, "-c", ask % 923).stdout == "name?\n"
    assert west.tun.quiet(destination=SECOND)
    assert west.run(sys.executable, "-c", ask % 54).stdout == "silence\n"
    west.tun.next(destination=SECOND, proto=17)


OWN = f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 36, %d)
s.bind(("", %d))
s.settimeout(0.5)
s.sendto(b"ike?", ("{SECOND}", 500))
try:
    print(s.recv(100).decode())
except OSError as e:
    print("silence")
"""


@pytest.mark.parametrize("mark, port, answer", [
    (0x02000000, 500, "ike?"), (0x02000000, 4500, "ike?"),
    (0, 500, "silence"), (0x02000000, 501, "silence"), (0x05000000, 500, "silence")])
def test_only_marked_ike_of_the_daemon_is_exempt(bare, west, mark, port, answer):
    server = bare.second.serve("udp", 500)
    assert west.run(sys.executable, "-c", OWN % (mark, port)).stdout == answer + "\n"
    server.kill()
    server.wait()
    assert west.tun.quiet(destination=SECOND, proto=17) == (answer != "silence")


def test_a_release_for_a_tunnel_goes_back_to_the_device_tracked(bare, west):
    west.nft("""table inet admin { chain o { type filter hook postrouting priority filter
        oifname "ipsec0" ct state new counter name seen
        }
        counter seen { }
        }""")
    assert sends_nothing(bare.source, STRANGER)
    held = west.tun.next(source=SOURCE, destination=STRANGER)
    west.tun.tell("tunnel", held["octets"])
    again = west.tun.next(source=SOURCE, destination=STRANGER)
    assert again["ttl"] == held["ttl"] == 63
    assert "packets 1" in west.shell("nft list counter inet admin seen")


@pytest.mark.parametrize("source, destination", [(SOURCE, STRANGER), (SOURCE6, STRANGER6)])
def test_a_release_to_pass_leaves_in_the_clear_and_is_answered(bare, west, source, destination):
    with bare.capture("west") as capture:
        assert sends_nothing(bare.source, destination)
        held = west.tun.next(source=source, destination=destination)
        west.tun.tell("pass", held["octets"])
        until("it was answered", lambda: len(capture.frames().between(source, destination)) == 2)
    assert west.steering.number("dropped", "leak") == 0


def test_a_socket_bound_to_a_device_does_not_leak(bare, west):
    with bare.capture("west") as capture:
        west.run("ping", "-n", "-c", "1", "-W", "0.3", "-I", "wan", STRANGER, check=False)
        west.run("ping", "-n", "-c", "1", "-W", "0.3", "-I", "wan", STRANGER6, check=False)
    assert not capture.frames().between(WEST, STRANGER)
    assert not capture.frames().between(WEST6, STRANGER6)


def test_the_mark_survives_others_who_restore_theirs(bare, west):
    """wg-quick's rules, and a CONNMARK restore for all protocols."""
    west.nft("""table inet others {
        chain preraw { type filter hook prerouting priority raw
        }
        chain premangle { type filter hook prerouting priority mangle
        meta mark set ct mark
        }
        chain outmangle { type route hook output priority mangle
        meta mark set ct mark
        }
        }""")
    with bare.capture("west") as capture:
        assert sends_nothing(bare.source, STRANGER)
        assert sends_nothing(west, STRANGER)
    west.tun.next(source=SOURCE, destination=STRANGER)
    west.tun.next(source=WEST, destination=STRANGER)
    assert not capture.frames().between(SOURCE, STRANGER)
    assert not capture.frames().between(WEST, STRANGER)


def test_a_mark_set_late_is_caught_by_the_leak_guard(bare, west):
    west.nft("""table inet others { chain late { type filter hook prerouting priority filter
        meta mark set 0x05000000
        }
        }""")
    with bare.capture("west") as capture:
        assert sends_nothing(bare.source, STRANGER)
    assert not capture.frames().between(SOURCE, STRANGER)
    assert west.steering.number("dropped", "leak") == 1


def test_a_masqueraded_client_passes(bare, west):
    west.nft("""table inet nat { chain post { type nat hook postrouting priority srcnat
        oifname "wan" ip saddr 10.1.0.0/24 masquerade
        }
        }""")
    with bare.capture("west") as capture:
        assert sends_nothing(bare.source, STRANGER)
        held = west.tun.next(source=SOURCE, destination=STRANGER)
        west.tun.tell("pass", held["octets"])
        west.steering.pair(SOURCE, STRANGER, "pass")
        assert bare.source.ping(STRANGER, count=2)
    assert not capture.frames().naming(SOURCE)
    assert len(capture.frames().between(WEST, STRANGER)) == 6


def test_an_icmp_error_is_never_trapped(bare, west):
    """West answers an expired packet of the stranger to an inside host; it has no pair yet."""
    assert bare.stranger.ping(SOURCE, options=("-t", "2"), wait=0.5).text.count("exceeded") == 1
    assert west.tun.quiet(source=WEST)


def test_an_icmp_error_takes_the_tunnel_of_its_pair(bare, west):
    west.steering.pair(WEST, STRANGER, "tunnel")
    bare.stranger.ping(SOURCE, options=("-t", "2"), wait=0.5)
    west.tun.next(source=WEST, destination=STRANGER, proto=1)


def udp_packet(source, destination):
    """An IPv4 datagram from port 9 to port 9, in hexadecimal."""
    udp = struct.pack("!HHHH", 9, 9, 8, 0)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 17, 0,
                       socket.inet_aton(source), socket.inet_aton(destination))
    total = sum(struct.unpack("!10H", head))
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return (head[:10] + struct.pack("!H", total) + head[12:] + udp).hex()


def test_link_local_and_multicast_do_not_come_out_of_the_tunnel(bare, west):
    west.nft("""table inet seen { chain c { type filter hook input priority filter
        iifname "ipsec0" counter name came
        }
        counter came { }
        }""")
    west.tun.tell("write", udp_packet(STRANGER, "224.0.0.1"))
    west.tun.tell("write", udp_packet("169.254.0.9", WEST))
    west.tun.tell("write", udp_packet(STRANGER, WEST))
    until("the last one came",
          lambda: "packets 0" not in west.shell("nft list counter inet seen came"))
    assert "packets 1" in west.shell("nft list counter inet seen came")


@pytest.mark.parametrize("damage", [
    "flush ruleset", "delete table inet wildswan", "flush chain inet wildswan prerouting_mark",
    "flush set inet wildswan tunnel4", "flush table inet wildswan"])
def test_what_others_remove_is_put_back_at_once(bare, west, damage):
    west.steering.pair(SOURCE, STRANGER, "pass")
    west.steering.pair(SOURCE, SECOND, "tunnel")
    before = west.shell("nft -s list table inet wildswan")
    west.shell(f"nft '{damage}'")
    until("it was put back", lambda: west.steering.said("restored: nftables"), timeout=1)
    assert west.steering.said("was changed or removed by nft")
    assert west.shell("nft -s list table inet wildswan") == before
    assert bare.source.ping(STRANGER)
    assert sends_nothing(bare.source, SECOND)
    west.tun.next(source=SOURCE, destination=SECOND)


@pytest.mark.parametrize("damage", [
    "ip rule del table 220", "ip -6 rule del table 220", "ip route flush table 220",
    "ip -6 route flush table 220", "ip link set ipsec0 down; ip link set ipsec0 up"])
def test_rules_and_routes_are_put_back_at_once(bare, west, damage):
    show = "for f in -4 -6; do ip $f rule; ip $f route show table 220; done"
    before = west.shell(show)
    west.shell(damage)
    until("they are there again", lambda: west.shell(show) == before, timeout=1)


def test_others_tables_are_none_of_our_business(west):
    west.nft("table inet mine { chain c { }\n }")
    west.nft("delete table inet mine")
    west.steering.tell("alive")
    assert not west.steering.said("restored")


def test_after_the_daemon_dies_private_stays_blocked_and_the_rest_opens_in_time(bare, west):
    west.steering.pair(SOURCE, STRANGER, "tunnel")
    west.steering.tell("beat", "off")
    west.steering.tell("alive")
    west.steering.tell("close")
    west.tun.stop()
    with bare.capture("west") as capture:
        assert sends_nothing(bare.source, DEST)  # open, but not yet
        until("the watchdog opened", lambda: bare.source.ping(DEST, wait=0.2),
              timeout=DAEMON_DOWN_S + 2)
        assert sends_nothing(bare.source, SECOND)
        assert sends_nothing(bare.source, STRANGER)
        assert bare.source.ping("198.18.9.9")
        assert sends_nothing(bare.source, "198.18.10.9")
    assert not capture.frames().between(SOURCE, SECOND)
    assert not capture.frames().between(SOURCE, STRANGER)
    west.tun = Tun(west)
    west.steering.tell("routes", "up")
    west.steering.tell("open")


def test_a_heartbeat_keeps_the_trap_closed(bare, west):
    west.steering.tell("beat", "on")
    with bare.capture("west") as capture:
        assert not bare.source.ping(DEST, count=20, wait=0.1)
    assert not capture.frames().between(SOURCE, DEST)


def test_a_stop_leaves_drop_rules_for_private_rows_only(bare, west):
    kept = west.steering.text("down", "keep")
    assert f"{WEST_LAN} -> {SECOND}/32 stays blocked" in kept
    west.steering.tell("routes", "down")
    loaded = west.shell("nft -s list table inet wildswan")
    with bare.capture("west") as capture:
        assert sends_nothing(bare.source, SECOND)
        assert sends_nothing(west, SECOND)
        assert bare.source.ping(STRANGER)
        assert west.ping(DEST)
        assert bare.source.ping("198.18.10.9")
    assert not capture.frames().between(SOURCE, SECOND)
    west.nft(west.steering.text("leftover"))
    west.nft("flush set inet wildswan replacing\n")
    west.steering.tell("alive")  # a late heartbeat brings nothing back
    assert west.shell("nft -s list table inet wildswan") == loaded


def test_a_policy_given_anew_is_the_same_as_the_text(west):
    sets = "for s in policy local private rows inside column_a policy_b rows_a private_b inbound_a; do for f in 4 6; do " \
           "nft -s list set inet wildswan $s$f 2>/dev/null || " \
           "nft -s list map inet wildswan $s$f; done; done"
    west.steering.tell("policy")
    given = west.shell(sets)
    west.nft(west.steering.text("text"))
    assert west.shell(sets) == given


def test_the_network_is_read(west):
    # Those of links do not count.
    until("all addresses count", lambda: west.steering.ask("network").startswith(
        f"7 addresses, default4 wan {WEST} via 198.18.1.254 mtu 1500, default6 wan {WEST6}"))


def test_what_an_icmp_message_said_is_no_route(bare):
    """POL-1: nobody outside adds to what route-bypass=yes lets past the policy."""
    east = bare.east
    steering = Steering(east, *ROWS)
    east.nft("delete table inet wildswan")
    before = steering.ask("network").split(", ")[-1]
    bare.internet.ip("link", "set", "stranger", "mtu", "1300")
    assert not east.ping(STRANGER6, size=1400, wait=0.2, options=("-M", "do"))
    assert "mtu 1300" in east.shell(f"ip route get {STRANGER6}")
    assert steering.ask("network").split(", ")[-1] == before
    bare.internet.ip("link", "set", "stranger", "mtu", "1500")
    steering.stop()


@pytest.mark.parametrize("options, more", [
    ("proto static", 1), ("proto boot", 1), ("proto ra", 0), ("proto redirect", 0),
    ("proto dhcp", 0), ("proto bgp", 0)])
@pytest.mark.parametrize("prefix, gateway", [("198.19.77.0/24", "198.18.1.254"),
                                             ("2001:db8:77::/64", "fe80::77")])
def test_what_others_tell_of_routes_bypasses_nothing(bare, prefix, gateway, options, more):
    """POL-1: a route counts for route-bypass=yes if the kernel or its administrator made it."""
    assert routes_more(bare, f"{prefix} via {gateway} dev wan {options}") == more


@pytest.mark.parametrize("prefix, hops", [
    ("198.19.77.0/24", ("198.18.1.254", "198.18.1.253")),
    ("2001:db8:77::/64", ("fe80::77", "fe80::78"))])
def test_a_route_with_two_next_hops_is_one(bare, prefix, hops):
    way = " ".join(f"nexthop via {hop} dev wan" for hop in hops)
    assert routes_more(bare, f"{prefix} {way}") == 1
    assert routes_more(bare, f"{prefix} proto ra {way}") == 0


def routes_more(bare, route):
    west = bare.west
    steering = Steering(west, *ROWS)
    west.nft("delete table inet wildswan")

    def count():
        return int(steering.ask("network").split(", ")[-1].split()[0])

    before = count()
    west.ip("route", "add", *route.split())
    after = count()
    west.ip("route", "del", route.split()[0])
    steering.stop()
    return after - before


def test_without_its_table_the_steering_says_what_to_do(bare):
    east = bare.east
    steering = Steering(east, *ROWS)
    east.nft("delete table inet wildswan")
    assert "ipsec start" in steering.ask("open")
    steering.stop()


def test_a_filter_that_would_drop_what_is_trapped_is_named_at_start(bare):
    east = bare.east
    for family, table, hook, rule in (
            ("inet", "fw", "forward", "ct state established,related accept"),
            ("inet", "out", "output", "oifname ipsec0 accept"),
            ("ip", "good", "forward", "oifname ipsec0 accept"),
            ("ip6", "fine", "output", "meta mark and 0x0f000000 != 0 accept")):
        east.shell(f"""nft add table {family} {table}
            nft add chain {family} {table} c '{{ type filter hook {hook} priority 0; policy drop; }}'
            nft add rule {family} {table} c {rule}""")
    steering = Steering(east, *ROWS)
    steering.tell("open")
    assert steering.ask("alive") == "ok"
    steering.text("down")
    steering.stop()
    east.nft("flush ruleset\n")
    until("it warned", lambda: len(steering.log) >= 2)
    assert "table inet fw chain c drops by default and may drop trapped packets" in steering.log[0]
    assert 'oifname "ipsec0" accept' in steering.log[0]
    assert "table inet out chain c drops by default and may drop released" in steering.log[1]
    assert "meta mark & 0x0f000000 != 0 accept" in steering.log[1]
    assert len(steering.log) == 2


def test_a_tunnelled_client_is_translated_on_the_device_and_answered(bare):
    west = bare.west
    steering = Steering(west, WEST_LAN, "0.0.0.0/0", f"nat={WEST}", "--", WEST_LAN)
    tun = Tun(west)
    try:
        steering.tell("routes", "up")
        steering.tell("open")
        steering.tell("beat", "on")
        assert sends_nothing(bare.source, STRANGER)
        held = tun.next(destination=STRANGER)
        assert held["source"] == SOURCE  # trapped, not yet translated
        tun.tell("tunnel", held["octets"])
        assert tun.next(destination=STRANGER)["source"] == WEST
        steering.pair(SOURCE, STRANGER, "tunnel")
        with bare.Capture(bare.source, "lan") as capture:
            bare.source.run("sh", "-c", f"echo hi | socat - UDP4-DATAGRAM:{STRANGER}:9,sourceport=9")
            assert tun.next(destination=STRANGER, proto=17)["source"] == WEST
            tun.tell("write", udp_packet(STRANGER, WEST))
            until("the answer", lambda: capture.frames().between(STRANGER, SOURCE))
    finally:
        steering.text("down")
        steering.tell("routes", "down")
        steering.stop()
        tun.stop()


def test_many_pairs_are_put_back_while_others_are_heard(bare, west):
    """A hundred thousand take the kernel a second; a slice of them, milliseconds."""
    count, worst = 100000, 0
    sample = ", ".join(f"{SOURCE} . 100.{i >> 16}.{i >> 8 & 255}.{i & 255}"
                       for i in range(0, count, 5000))
    west.steering.tell("beat", "off")
    west.steering.tell("fill", count, "pass")
    west.nft("flush ruleset\n")

    def is_done():
        nonlocal worst
        before = time.monotonic()
        west.steering.tell("alive")
        worst = max(worst, time.monotonic() - before)
        return west.steering.said("restored") and west.steering.number("left") == 0

    until("they are put back", is_done, timeout=20)
    west.run("nft", "get", "element", "inet", "wildswan", "pass4", f"{{ {sample} }}")
    assert worst < 0.4


NULL, DNS, DNSSEC = 1, 2, 3


def test_the_weakest_sa_of_a_pair_is_what_a_firewall_is_told(west):
    """AUZ-14, IN-12: and the sets follow every SA that comes or goes."""
    def told(family=4):
        text = west.run("nft", "list", "sets", "inet").stdout
        sets = re.findall(r"set from_([a-z]+)%d \{(.*?)\n\t\}" % family, text, re.S)
        assert len(sets) == 6
        return [(*pair, word) for word, body in sets
                for pair in re.findall(r"([0-9a-f.:]+) \. ([0-9a-f.:]+)", body)]

    def strength(word, more, pair=(SOURCE, DEST)):
        west.steering.tell("strength", *pair, word, more)

    assert told() == []
    strength(DNSSEC, 1)
    assert told() == [(SOURCE, DEST, "dnssec")]
    strength(DNS, 1)  # a weaker one beside it
    strength(DNSSEC, 1)
    assert told() == [(SOURCE, DEST, "dns")]
    west.steering.pair(SOURCE, DEST, "tunnel")  # changes of both kinds in one transaction
    strength(DNS, -1)
    assert told() == [(SOURCE, DEST, "dnssec")]
    strength(NULL, 1, (SOURCE6, DEST6))
    assert told(6) == [(SOURCE6, DEST6, "null")]
    west.run("nft", "flush", "ruleset")
    until("the table is back", lambda: west.steering.said("put back"))
    assert (told(), told(6)) == ([(SOURCE, DEST, "dnssec")], [(SOURCE6, DEST6, "null")])
    strength(DNSSEC, -1)
    strength(DNSSEC, -1)
    strength(DNSSEC, -1)  # one more than there are is nothing
    assert told() == []


def test_no_range_speaks_for_pairs_whose_strengths_are_missing(bare, west):
    """AUZ-14: where the kernel would not fill a set nothing is marked; it is filled when it can be."""
    def elements(name):
        text = west.run("nft", "list", "set", "inet", "wildswan", name).stdout
        return re.search(r"elements = \{(.*)\}", text, re.S)

    def pairs():
        found = elements("from_dnssec4")
        return found[0].count(" . ") if found else 0

    west.steering.text("down")
    text = west.steering.text("text")
    small, count = re.subn(r"(set from_dnssec4 \{[^}]*?size) \d+", r"\1 1", text)
    assert count == 1
    west.steering.stop()
    west.steering = Steering(west, *ROWS, "--", WEST_LAN, WEST_LAN6)
    west.nft(small)
    assert elements("whole_strengths") is None
    west.steering.tell("open")
    assert elements("whole_strengths") is not None
    west.steering.tell("strength", SOURCE, DEST, DNSSEC, 1)
    assert pairs() == 1 and elements("whole_strengths") is not None
    west.steering.tell("strength", SOURCE, STRANGER, DNSSEC, 1)
    assert pairs() == 0 and elements("whole_strengths") is None
    until("it is said", lambda: west.steering.said("nothing is marked until they are"))
    west.steering.tell("alive")
    west.run("nft", "flush", "ruleset")
    until("the table is back", lambda: west.steering.said("changed or removed"))
    assert pairs() == 0 and elements("whole_strengths") is None
    west.steering.tell("strength", SOURCE, STRANGER, DNSSEC, -1)
    west.steering.tell("alive")
    assert pairs() == 1 and elements("whole_strengths") is not None
    assert west.steering.said("they are put back")
    west.steering.tell("strength", SOURCE, DEST, DNSSEC, -1)
    assert pairs() == 0 and elements("whole_strengths") is not None
