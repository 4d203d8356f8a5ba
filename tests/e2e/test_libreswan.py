"""libreswan at the other end, with the kernel's ESP, in both roles (doc/interop.md)."""
import re

import pytest

from gateway import Gateway, SETUP
from lab import PIECE, UNBOUND, WEST, WEST_LAN, reverse, until
from libreswan import PEER, Libreswan

SIGNED = """
config setup
	interfaces=%defaultroute
	dns={dns}
	dnssec=prefer
	trust-anchor={anchor}
"""

ARRANGED = """
conn peer
	left={west}
	right={peer}
	rightrsasigkey={key}
	auto=route
	keylife={keylife}
	ikelifetime={ikelifetime}
	rekeymargin=3
	rekeyfuzz=0%
"""

STRANGERS = """
conn me-to-anyone
	left=%defaultroute
	right=%opportunistic
	leftauth={auth}
	rightauth={peer_auth}
	auto=route
	dpddelay=2
	dpdtimeout=6
"""

THEIR_ARRANGED = """
conn west
	left={peer}
	leftrsasigkey={key}
	right={west}
	rightrsasigkey={our_key}
	authby=rsasig
	ikev2=insist
	auto=add
	leftupdown=%disabled
"""

THEIR_STRANGERS = """
conn private-or-clear
	left={peer}
	{left}
	{right}
	right=%opportunisticgroup
	negotiationshunt=hold
	failureshunt=passthrough
	ikev2=insist
	keyingtries=1
	retransmit-timeout=2s
	dpddelay=2
	dpdaction=clear
	auto=route
	leftupdown=%disabled
"""


def one_line(text):
    """A record in parentheses, as one line without them."""
    return re.sub(r"[\s()]+", " ", re.sub(r";.*", "", text))


# Their side of either way to prove oneself.
LEFT = {"rsasig": "leftid={peer}\n\tleftckaid={ckaid}\n\tleftauth=rsasig",
        "null": "leftid=%null\n\tleftauth=null"}
RIGHT = {"rsasig": "rightauth=rsasig\n\trightrsasigkey=%dnsondemand",
         "null": "rightid=%null\n\trightauth=null"}


class Bed:
    """West, ours, speaks for itself; libreswan is in the guest."""

    def __init__(self, lab):
        self.lab = lab
        self.west, self.peer = Gateway(lab.west, WEST_LAN, WEST), Libreswan(lab)
        self.west.ipsec("newhostkey", timeout=60)
        self.our_key = "0s" + re.search(r"10 0 2 \. (.*)", one_line(self.west.key("--ipseckey"))).group(1)
        self.their_key = self.peer.public_key()
        for address, key in ((WEST, self.our_key), (PEER, self.their_key)):
            lab.publish(reverse(address), f"{reverse(address)} IPSECKEY 10 0 2 . {key[2:]}")
        lab.west.serve("tcp", 7000)
        self.peer.run("seq 1 30000 >/tmp/in; nc -ll -p 7000 -e cat >/dev/null 2>&1 &")
        (lab.dir / "anchor").write_text(lab.sign())

    def says(self):
        return [("west", self.west.log()[-1500:]), ("libreswan", self.peer.log()[-6000:])]

    def stop(self):
        self.west.stop("--open")
        self.peer.forget()


@pytest.fixture(scope="module")
def bed(lab):
    return Bed(lab)


@pytest.fixture(autouse=True)
def stopped(bed):
    yield
    bed.stop()


def arrange(bed, **words):
    words = {"keylife": 3600, "ikelifetime": 3600, **words}
    bed.west.configure(SETUP, ARRANGED, west=WEST, peer=PEER, key=bed.their_key, **words)
    bed.peer.configure(THEIR_ARRANGED.format(peer=PEER, west=WEST, key=bed.their_key,
                                             our_key=bed.our_key))


def strangers(bed, auth="rsasig", peer_auth="rsasig"):
    """Nobody arranged anything. `rsasig`: by a key that the other finds in the DNS.

    The row of their group is wider than one address (doc/interop.md says why).
    """
    anchor = bed.lab.dir / "anchor"
    bed.west.configure(SIGNED, STRANGERS, anchor=anchor, auth=auth, peer_auth=peer_auth)
    left = LEFT[peer_auth].format(peer=PEER, ckaid=bed.peer.ckaid)
    bed.peer.configure(THEIR_STRANGERS.format(peer=PEER, left=left, right=RIGHT[auth]),
                       anchor=anchor.read_text(), private_or_clear=["198.18.1.0/24"])


def start_ours(bed):
    """What is asked before the anchor is first verified counts as insecure."""
    bed.west.start()
    if "trust-anchor" in (bed.west.confs / "ipsec.conf").read_text():
        until("the anchor is verified", lambda: "anchor is verified" in bed.west.log())


def begin(bed, by):
    if by == "them":
        bed.peer.ping(WEST, wait=1)  # the kernel drops it: net.core.xfrm_larval_drop
    else:
        assert bed.lab.west.ping(PEER, wait=5)


def is_tunnelled(bed):
    bed.west.until_action(WEST, PEER, "tunnel")
    until("pluto has a tunnel", bed.peer.traffic)


def spis(bed, what):
    """Of the tunnels in its kernel, or serial numbers of its IKE SAs."""
    if what != "ike":
        return set(re.findall(r"spi (0x\w+)", bed.peer.run("/usr/sbin/ip xfrm state")))
    return set(re.findall(r"#(\d+): \S+ STATE_V2_ESTABLISHED_IKE_SA",
                          bed.peer.whack("--showstates")))


def carries(bed, octets=300_000):
    """Checksummed, begun by both sides; the internet sees ESP, plain, and nothing that is private."""
    with bed.lab.capture("west") as wire:
        said = bed.lab.west.talk("tcp", PEER, 7000, octets)
        assert said.get("same"), said
        bed.peer.run(f"nc {WEST} 7000 </tmp/in >/tmp/out; cmp /tmp/in /tmp/out")
    esp = wire.frames().esp()
    assert len(esp) > octets * 2 / 1500
    assert {frame.protocol for frame in esp} == {50}
    assert not wire.frames().with_octets(PIECE)


ROLES = pytest.mark.parametrize("by", ["us", "them"])


@ROLES
def test_raw_rsa_keys(bed, by):
    arrange(bed)
    bed.peer.start("west")
    start_ours(bed)
    if by == "them":
        bed.peer.up("west")
    else:
        begin(bed, by)
    is_tunnelled(bed)
    carries(bed)


@pytest.mark.parametrize("what", ["ipsec", "ike"])
def test_they_rekey(bed, what):
    arrange(bed)
    bed.peer.start("west")
    start_ours(bed)
    begin(bed, "us")
    is_tunnelled(bed)
    before = spis(bed, what)
    bed.peer.whack(f"--rekey-{what} --name west")
    until("it has new keys", lambda: spis(bed, what) - before, timeout=10)
    carries(bed)


@pytest.mark.parametrize("what, word", [("child", "keylife"), ("ike", "ikelifetime")])
def test_we_rekey(bed, what, word):
    arrange(bed, **{word: 8})
    bed.peer.start("west")
    start_ours(bed)
    begin(bed, "us")
    is_tunnelled(bed)
    before = spis(bed, what)
    until("it has new keys", lambda: spis(bed, what) - before, timeout=10)
    carries(bed)


@ROLES
def test_strangers_find_each_other_by_signed_ipseckey_records(bed, by):
    strangers(bed)
    bed.peer.start("private-or-clear")
    start_ours(bed)
    begin(bed, by)
    is_tunnelled(bed)
    assert bed.west.eroute(WEST, PEER)["strength"] == "dnssec"
    carries(bed)


@ROLES
@pytest.mark.parametrize("auth, peer_auth", [("null", "null"), ("null", "rsasig"),
                                             ("rsasig", "null")])
def test_strangers_of_whom_not_both_are_known(bed, by, auth, peer_auth):
    """RFC 7619: AUTH NULL with an ID_NULL, by one or by both."""
    strangers(bed, auth, peer_auth)
    bed.peer.start("private-or-clear")
    start_ours(bed)
    begin(bed, by)
    is_tunnelled(bed)
    assert bed.west.eroute(WEST, PEER)["strength"] == ("dnssec" if peer_auth == "rsasig" else "null")
    carries(bed)


def test_we_are_absent_and_they_fall_back_to_clear(bed, lab):
    strangers(bed)
    bed.peer.start("private-or-clear")
    until("they give up", lambda: bed.peer.ping(WEST, count=3, wait=1) == 3, timeout=20)
    with lab.capture("west") as wire:
        assert bed.peer.ping(WEST)
    assert not wire.frames().esp()


def test_they_are_absent_and_we_fall_back_to_clear(bed, lab):
    strangers(bed)
    start_ours(bed)
    lab.west.ping(PEER, wait=1)
    bed.west.until_action(WEST, PEER, "pass", timeout=15)
    assert lab.west.ping(PEER, count=2, wait=5)


@ROLES
def test_they_die_and_come_back(bed, lab, by):
    """Their restart knows nothing of the tunnel; who has traffic first makes a new one."""
    strangers(bed)
    bed.peer.start("private-or-clear")
    start_ours(bed)
    begin(bed, by)
    is_tunnelled(bed)
    bed.peer.stop(9)
    bed.peer.flush()
    bed.peer.start("private-or-clear")
    if by == "them":
        until("they have a tunnel", lambda: bed.peer.ping(WEST, wait=1), timeout=15)
    else:
        until("we notice", lambda: lab.west.ping(PEER, wait=1), timeout=20)
    is_tunnelled(bed)
    carries(bed)


def test_we_die_and_come_back(bed, lab):
    """Our first packet makes a new tunnel. Theirs would not: doc/interop.md."""
    strangers(bed)
    bed.peer.start("private-or-clear")
    start_ours(bed)
    begin(bed, "us")
    is_tunnelled(bed)
    bed.west.kill()
    start_ours(bed)
    assert lab.west.ping(PEER, wait=5)
    is_tunnelled(bed)
    carries(bed)
