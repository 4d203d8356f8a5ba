"""Two engines with their steering on a real kernel; verdicts come from a list, without IKE or DNS."""
import subprocess
import threading

import pytest

from lab import (BUILD, DEST, DEST6, EAST, EAST6, EAST_LAN, EAST_LAN6, SECOND, SOURCE, SOURCE6,
                 STRANGER, STRANGER6, WEST, WEST6, WEST_LAN, WEST_LAN6, Lab, until)
from talk import PIECE

BED = BUILD / "src" / "engine" / "engine-bed"
ANY6 = "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
ANY = "0.0.0.0-255.255.255.255"


class Bare(Lab):
    """The bed without name servers."""

    def start_dns(self):
        pass


class Engine:
    """The bed's program in one gateway, and what it said."""

    def __init__(self, host, outer, outer6, lan, lan6, mtu=1500, rules=()):
        rows = []
        for local in (lan, outer):
            rows += [local, ANY, "trap"]
        for local in (lan6, outer6):
            rows += [local, ANY6, "trap"]
        for rule in rules:
            rows += [lan, *rule]
        self.host = host
        self.log = []
        self.process = host.start(BED, outer, outer6, mtu, *rows, "--", lan, lan6,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, daemon=True).start()
        host.nft(self.text())
        self.tell("open")

    def read(self):
        for line in self.process.stderr:
            self.log.append(line)

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().rstrip("\n")

    def tell(self, *words):
        assert self.ask(*words) == "ok"

    def text(self):
        print("text", file=self.process.stdin, flush=True)
        lines = []
        while (line := self.process.stdout.readline()) != ".\n":
            lines.append(line)
        return "".join(lines)

    def number(self, *words):
        return int(self.ask(*words))

    def stop(self):
        self.tell("stop")
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def bare():
    with Bare() as bed:
        yield bed


@pytest.fixture(name="west")
def both(bare):
    """Engines in both gateways; east's is `west.peer`."""
    west = Engine(bare.west, WEST, WEST6, WEST_LAN, WEST_LAN6)
    west.peer = Engine(bare.east, EAST, EAST6, EAST_LAN, EAST_LAN6)
    yield west
    west.stop()
    west.peer.stop()
    for host in (bare.west, bare.east):
        host.nft("flush ruleset\n")


def tunnel(west, source, destination, spi=0x1001, outer=(WEST, EAST), how=()):
    """An SA on both sides, as if negotiated at the first acquire of west."""
    west.peer.tell("child", spi + 1, spi, destination, source, *reversed(outer), *how)
    west.peer.tell("pair", destination, source, "tunnel", spi)
    west.tell("child", spi, spi + 1, source, destination, *outer, *how)
    west.tell("answer", source, destination, "tunnel", spi + 1)


CASES = [(SOURCE, DEST, (WEST, EAST), ()), (SOURCE6, DEST6, (WEST, EAST), ()),
         (SOURCE, DEST, (WEST6, EAST6), ()), (SOURCE6, DEST6, (WEST6, EAST6), ()),
         (SOURCE, DEST, (WEST, EAST), ("plain",)), (SOURCE, DEST, (WEST6, EAST6), ("plain",))]


@pytest.mark.parametrize("source, destination, outer, how", CASES)
def test_the_first_packet_is_not_lost_and_nothing_shows_outside(bare, west, source, destination,
                                                                outer, how):
    tunnel(west, source, destination, outer=outer, how=how)
    with bare.capture("west") as capture:
        ping = bare.source.ping(destination, count=3)
    assert ping.received == 3
    assert not capture.frames().naming(source) and not capture.frames().with_octets(PIECE)
    assert len(capture.frames().between(*outer)) == 6
    assert west.ask("child-use", 0x1001) == "3 3"
    assert west.number("use", source, destination) == 3
    assert west.number("acquires") == 1


def test_a_connection_needs_one_syn_behind_a_filter_that_keeps_state(bare, west):
    west.host.nft("""table inet admin { chain f { type filter hook forward priority filter
        policy drop
        ct state established,related accept
        iifname "lan" accept
        }
        }""")
    tunnel(west, SOURCE, DEST)
    bare.dest.serve("tcp", 7100)
    said = bare.source.talk("tcp", DEST, 7100, 200000)
    assert said["connected"] and said["same"]
    assert said["connect_ms"] < 500
    west.host.nft("delete table inet admin\n")


def test_full_size_packets_learn_the_limit_of_the_tunnel_only(bare, west):
    tunnel(west, SOURCE, DEST)
    west.tell("answer", SOURCE, STRANGER, "pass")
    assert bare.source.ping(STRANGER, size=1472, options=("-M", "do"))
    assert bare.source.ping(DEST)
    text = bare.source.ping(DEST, size=1472, options=("-M", "do"), wait=0.5).text
    assert "mtu = 1438" in text or "mtu=1438" in text
    assert bare.source.ping(DEST, size=1410, options=("-M", "do"))
    assert bare.source.ping(DEST, size=3000, options=("-M", "dont"))
    assert west.number("dropped", "too-big") == 1


def test_ipv6_is_told_the_limit(bare, west):
    tunnel(west, SOURCE6, DEST6)
    assert bare.source.ping(DEST6)
    assert "1438" in bare.source.ping(DEST6, size=1452, options=("-M", "do"), wait=0.5).text
    assert bare.source.ping(DEST6, size=1390, options=("-M", "do"))


@pytest.mark.parametrize("source, destination", [(SOURCE, STRANGER), (SOURCE6, STRANGER6)])
def test_pass_releases_the_first_packet_and_leaves_the_rest_to_the_kernel(bare, west, source,
                                                                          destination):
    west.tell("answer", source, destination, "pass")
    assert bare.source.ping(destination, count=4).received == 4
    assert west.number("use", source, destination) == 4
    assert west.number("dropped", "leak") == 0


@pytest.mark.parametrize("source, destination", [(SOURCE, STRANGER), (SOURCE6, STRANGER6)])
def test_reject_answers_the_held_packet(bare, west, source, destination):
    west.tell("answer", source, destination, "reject")
    text = bare.source.ping(destination, wait=1).text
    assert "filtered" in text or "dministratively" in text


def test_the_gateway_itself_uses_a_tunnel(bare, west):
    tunnel(west, WEST, DEST)
    assert bare.west.ping(DEST, count=2).received == 2
    tunnel(west, WEST6, DEST6, spi=0x2001)
    assert bare.west.ping(DEST6, count=2).received == 2


def test_a_burst_before_the_verdict_leaves_in_order(bare, west):
    bare.dest.serve("udp", 7101)
    tunnel(west, SOURCE, DEST)
    said = bare.source.talk("udp", DEST, 7101, 10)
    assert said["in_order"], said


def test_a_removed_sa_holds_and_does_not_leak(bare, west):
    tunnel(west, SOURCE, DEST)
    assert bare.source.ping(DEST)
    with bare.capture("west") as capture:
        west.tell("forget", 0x1001)
        assert not bare.source.ping(DEST, wait=0.3)
    assert not capture.frames().naming(SOURCE)


def test_silence_is_held_and_asked_about_once(bare, west):
    with bare.capture("west") as capture:
        assert not bare.source.ping(SECOND, count=3, wait=0.3)
    assert west.number("acquires") == 1
    assert west.number("use", SOURCE, SECOND) == 3
    assert west.number("row", 0) >= 1
    assert not capture.frames().naming(SOURCE)


def test_after_a_stop_everything_is_as_before(bare, west):
    west.tell("stop")
    rules = bare.west.shell("ip rule; ip -6 rule; ip route show table 220; nft list ruleset",
                            check=False)
    assert "220" not in rules and "wildswan" not in rules
    assert "ipsec0" not in bare.west.ip("link")
    assert bare.source.ping(STRANGER)


@pytest.fixture(name="narrow")
def narrow_path(bare):
    """The road to east carries 1300 octets only, which its router says; afterwards all forget it."""
    for host, device in ((bare.internet, "east"), (bare.east, "wan")):
        host.ip("link", "set", device, "mtu", "1300")
    yield bare
    for host, device in ((bare.internet, "east"), (bare.east, "wan")):
        host.ip("link", "set", device, "mtu", "1500")
    for host in (bare.source, bare.dest):
        host.ip("route", "flush", "cache")
        host.ip("-6", "route", "flush", "cache")


@pytest.mark.parametrize("outer", [(WEST, EAST), (WEST6, EAST6)])
def test_a_narrow_path_is_learned_from_its_router(narrow, west, outer):
    tunnel(west, SOURCE, DEST, outer=outer)
    assert narrow.source.ping(DEST)
    assert not narrow.source.ping(DEST, size=1380, options=("-M", "do"), wait=0.3)
    limit = "1238" if outer == (WEST, EAST) else "1218"
    assert limit in narrow.source.ping(DEST, size=1380, options=("-M", "do"), wait=0.3).text
    assert narrow.source.ping(DEST, size=1180, options=("-M", "do"))
    assert narrow.source.ping(DEST, size=1380, options=("-M", "dont"))
    until("west says so", lambda: any("carries 1300" in line for line in west.log))


@pytest.mark.parametrize("outer", [(WEST, EAST), (WEST6, EAST6)])
def test_ipv6_gets_its_1280_octets_through_any_path(narrow, west, outer):
    tunnel(west, SOURCE6, DEST6, outer=outer)
    assert narrow.source.ping(DEST6)
    narrow.source.ping(DEST6, size=1232, wait=0.3)
    assert narrow.source.ping(DEST6, size=1232, count=2)
