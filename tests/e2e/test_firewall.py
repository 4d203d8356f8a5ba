"""The administrator's filter knows how well the sender of a packet is known: doc/firewall.md."""
import re

import pytest

from gateway import HOWTO, SETUP
from lab import DEST, DEST6, EAST, EAST_LAN6, HERE, SOURCE, STRANGER, WEST, WEST6, WEST_LAN6, until
from test_configured import PLACES, SECRET
from test_dnssec import SIGNED
from test_ipv6 import CLIENTS6

DOCUMENT = (HERE.parents[1] / "doc" / "firewall.md").read_text()
RULES = {re.search(r"table inet (\w+)", text).group(1): text
         for text in re.findall(r"```nft\n(.*?)```", DOCUMENT, re.S)}
SITES = """
conn sites
	left={west}
	leftsubnet={west_lan}
	right={east}
	rightsubnet={east_lan}
	authby=secret
	auto=route
"""


def load(gateway, name):
    gateway.host.nft(RULES[name])


@pytest.fixture(autouse=True)
def no_rules(idle_pair):
    yield
    idle_pair.stop()
    for gateway in (idle_pair.west, idle_pair.east):
        for name in RULES:
            gateway.host.run("nft", "delete", "table", "inet", name, check=False)


@pytest.fixture(scope="module")
def signed(lab, idle_pair):
    idle_pair.publish()
    idle_pair.publish6()
    (lab.dir / "anchor").write_text(lab.sign())
    for host, port in ((lab.dest, 2049), (lab.east, 2049), (lab.dest, 80), (lab.east, 22),
                       (lab.source, 2049)):
        host.serve("tcp", port)
    return idle_pair


def start(pair, *parts, dnssec="prefer"):
    for gateway, lan6 in ((pair.west, WEST_LAN6), (pair.east, EAST_LAN6)):
        gateway.configure(SIGNED, *parts, anchor=pair.lab.dir / "anchor", mode=dnssec, lan6=lan6,
                          **PLACES)
    pair.start()


def reached(host, address, port):
    return host.talk("tcp", address, port).get("same", False)


def shut(host, address, port):
    """No connection within a second, refused or not answered."""
    return host.run("timeout", 1, "bash", "-c", f"</dev/tcp/{address}/{port}",
                    check=False).returncode != 0


def test_the_document_has_three_rule_sets():
    assert sorted(RULES) == ["closed", "nfs", "vpn"]


def test_firewall_can_tell(lab, signed):
    """NFS only from peers proven by DNSSEC: not by a weaker tunnel, not in the clear."""
    load(signed.east, "nfs")
    start(signed, HOWTO)
    assert reached(lab.west, DEST, 2049)
    assert reached(lab.west, EAST, 2049)
    assert signed.east.eroute(DEST, WEST)["strength"] == "dnssec"
    # The source's addresses are in 10/8, which nobody can sign for all: strength dns.
    assert shut(lab.source, DEST, 2049)
    assert signed.east.eroute(DEST, SOURCE)["strength"] == "dns"
    assert reached(lab.source, DEST, 80)
    # In the clear.
    assert shut(lab.stranger, DEST, 2049)
    assert reached(lab.stranger, DEST, 80)
    # Connections of the inside are no business of these rules.
    assert reached(lab.dest, SOURCE, 2049)


def test_the_same_in_ipv6(lab, signed):
    load(signed.east, "nfs")
    start(signed, CLIENTS6, HOWTO)
    assert reached(lab.west, DEST6, 2049)
    assert signed.east.eroute(DEST6, WEST6)["strength"] == "dnssec"
    assert shut(lab.stranger, DEST6, 2049)
    assert reached(lab.stranger, DEST6, 80)


def test_an_unsigned_answer_is_not_enough(lab, signed):
    load(signed.east, "nfs")
    start(signed, HOWTO, dnssec="off")
    assert shut(lab.west, DEST, 2049)
    assert signed.east.eroute(DEST, WEST)["strength"] == "dns"
    assert reached(lab.west, DEST, 80)


def test_a_mark_from_outside_is_none(lab, signed):
    """A sender that marks its own packets gains nothing: a mark does not travel."""
    load(signed.east, "nfs")
    start(signed, HOWTO)
    lab.stranger.nft("table inet liar { chain output { type filter hook output priority 0; "
                     "meta mark set 0x0b000000; }; }")
    assert shut(lab.stranger, DEST, 2049)
    lab.stranger.run("nft", "delete", "table", "inet", "liar")


def test_networks_that_are_arranged_reach_what_strangers_do_not(lab, signed):
    for gateway in (signed.west, signed.east):
        secrets = gateway.confs / "ipsec.secrets"
        if "PSK" not in secrets.read_text():
            secrets.write_text(secrets.read_text() + SECRET)
    load(signed.east, "vpn")
    start(signed, HOWTO, SITES)
    assert reached(lab.source, DEST, 2049)
    assert signed.east.range_of(DEST, SOURCE)["strength"] == "psk"
    assert shut(lab.west, DEST, 2049)
    assert signed.east.eroute(DEST, WEST)["strength"] == "dnssec"
    assert reached(lab.west, DEST, 80)
    assert reached(lab.stranger, DEST, 80)
    assert shut(lab.stranger, DEST, 2049)
    assert reached(lab.dest, SOURCE, 2049)


def test_a_closed_gateway_opens_to_who_is_proven(lab, signed):
    load(signed.east, "closed")
    start(signed, HOWTO)
    assert reached(lab.west, EAST, 22)
    assert not lab.stranger.ping(EAST, wait=1).received
    assert not lab.source.ping(DEST, wait=1).received
    assert lab.dest.ping(SOURCE)
    assert lab.second.ping(STRANGER)
    assert lab.east.ping(WEST)


FLOOD = """
import random, socket, struct, sys
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for number in range(int(sys.argv[2])):
    port, marker = ((500, b""), (4500, bytes(4)))[number % 2]
    ike = marker + random.randbytes(8) + bytes(8) + bytes.fromhex("21202208") + bytes(4)
    ike += struct.pack("!I", 32) + bytes(4)
    udp = struct.pack("!HHHH", random.randrange(1024, 65535), port, 8 + len(ike), 0) + ike
    source = socket.inet_aton(f"198.18.77.{number % 250 + 1}")
    raw.sendto(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, source,
                           socket.inet_aton(sys.argv[1])) + udp, (sys.argv[1], 0))
"""


def test_forged_knocks_do_not_fill_the_table_of_connections(lab, signed):
    start(signed, HOWTO)
    before = connections(lab.east)
    lab.internet.run("/usr/bin/python3", "-c", FLOOD, EAST, 6000)
    assert connections(lab.east) - before < 2500
    load(signed.east, "closed")
    assert reached(lab.west, EAST, 22)


def connections(host):
    return int(host.shell("cat /proc/sys/net/netfilter/nf_conntrack_count"))


def test_marks_come_back_after_somebody_flushes_them(lab, signed):
    start(signed, HOWTO)
    assert reached(lab.west, DEST, 2049)
    lab.east.run("nft", "flush", "ruleset")
    until("the steering is back", lambda: "wildswan" in signed.east.tables(), timeout=2)
    load(signed.east, "nfs")
    assert reached(lab.west, DEST, 2049)
