"""strongSwan at the other end of a configured tunnel, in both roles (doc/interop.md)."""
import base64
import json
import re
import shutil
import signal
import subprocess
import sys

import pytest

from gateway import Gateway, SETUP
from lab import (DEST, EAST, EAST6, EAST_IN, EAST_LAN, EAST_LAN6, HERE, PIECE, SOURCE, SOURCE6, WEST,
                 WEST6, WEST_LAN, WEST_LAN6, reverse, run, until)
from pki import Authority
from strongswan import Strongswan

OURS = """
conn net
	left={west}
	leftsubnet={west_lan}
	rightsubnet={east_lan}
	auto=route
	dpddelay=2
	dpdtimeout=5
"""

THEIRS = """
connections {{
  net {{
    version = 2
    local_addrs = {east}
    remote_addrs = {remote}
    proposals = {ike}
    {more}
    local {{
      id = {id}
      auth = {auth}
      {key}
    }}
    remote {{
      id = {peer_id}
      auth = {peer_auth}
      {peer_key}
    }}
    children {{
      net {{
        local_ts = {local_ts}
        remote_ts = {remote_ts}
        esp_proposals = {esp}
        {child}
      }}
    }}
  }}
}}
secrets {{
  ike-west {{ secret = "{psk}" }}
  {secrets}
}}
"""

THEIR_KEYS = {
    "rsa": ["RSA"],
    "ed25519": ["ED25519"],
    "ecdsa-256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ecdsa-384": ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
}
OUR_KEYS = {"rsa": ["rsa"], "ed25519": ["ed25519"], "ecdsa-256": ["ecdsa"],
            "ecdsa-384": ["ecdsa", "--bits", "384"]}

PSK = "they met at the conference"
NAT_WEST, NAT_EAST = "198.18.1.254", "198.18.2.254"  # the router, as each sees it
# `inside` is strongSwan's own address in its network.
PLACES = {"west": WEST, "west_lan": WEST_LAN, "east": EAST, "east_lan": EAST_LAN, "source": SOURCE,
          "inside": EAST_IN}
PLACES6 = {"west": WEST6, "west_lan": WEST_LAN6, "east": EAST6, "east_lan": EAST_LAN6,
           "source": SOURCE6, "inside": "2001:2:0:22::1"}


class Stream:
    """Pings every 5 ms while the block runs."""

    def __init__(self, host, address):
        self.process = host.start("ping", "-i", "0.005", "-W", "2", address, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.text = self.process.communicate(timeout=10)[0]

    def lost(self):
        """Holes in what came back; what is under way when ping is told to stop does not count."""
        back = {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", self.text)}
        assert len(back) > 20
        return set(range(1, max(back))) - back


class Transfer:
    """Octets there and back, compared, while the block runs; `same` is known behind it."""

    def __init__(self, host, address, octets):
        self.process = host.start(sys.executable, "-B", HERE / "talk.py", "tcp", address, 7000, octets,
                                  text=True, stdout=subprocess.PIPE)
        self.same = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.same = json.loads(self.process.communicate(timeout=30)[0]).get("same")

    def goes_on(self):
        return self.process.poll() is None


class Bed:
    """West is ours, east is strongSwan, and it speaks for its own inside address (its plugin wants one)."""

    def __init__(self, lab):
        self.lab, self.places = lab, PLACES
        self.west, self.east = Gateway(lab.west, WEST_LAN, WEST), Strongswan(lab.east)
        self.keys = {kind: self.east.key(kind, "-algorithm", *words)
                     for kind, words in THEIR_KEYS.items()}
        for kind, words in OUR_KEYS.items():
            self.our_key(kind, words)
        lab.east.serve("tcp", 7000)
        lab.source.serve("tcp", 7000)
        lab.dest.serve("tcp", 7000)

    def our_key(self, kind, words):
        """A host key of ours, known to strongSwan as ours-KIND.pem; ours(KIND) uses it."""
        secrets = self.west.confs / "ipsec.secrets"
        secrets.unlink(missing_ok=True)
        self.west.ipsec("newhostkey", "--type", *words, timeout=60)
        line = secrets.read_text()
        (self.west.dir / f"{kind}.secrets").write_text(line)
        private = self.west.confs / "ipsec.d/private" / line.split()[-1]
        run("openssl", "pkey", "-in", private.as_posix(), "-pubout", "-out",
            (self.east.dir / "pubkey" / f"ours-{kind}.pem").as_posix())

    def ours(self, secrets="psk", more_secrets="", **words):
        """Our conn, and more words for it; our secret is the shared one, or a host key of a kind."""
        text = f': PSK "{PSK}"\n'
        if secrets != "psk":
            text = (self.west.dir / f"{secrets}.secrets").read_text()
        path = self.west.confs / "ipsec.secrets"
        path.write_text(text + more_secrets)
        path.chmod(0o600)
        words = {"right": self.places["east"], "authby": "secret" if secrets == "psk" else "pubkey", **words}
        more = "".join(f"\t{word}={value}\n" for word, value in words.items())
        self.west.configure(SETUP, OURS + more, **self.places)

    def theirs(self, **words):
        p = self.places
        words = {"auth": "psk", "peer_auth": "psk", "key": "", "peer_key": "", "ike": "default",
                 "esp": "aes128gcm16-curve25519", "local_ts": p["inside"], "remote_ts": p["source"],
                 "more": "", "child": "", "psk": PSK, "secrets": "", "id": p["east"],
                 "peer_id": p["west"], "remote": p["west"], **p, **words}
        self.east.configure(THEIRS.format(**words))

    def start(self):
        self.east.start()
        self.west.start()

    def stop(self):
        self.west.stop("--open")
        self.east.stop()

    def begin(self, by):
        """A tunnel, begun by `us` or `them`."""
        if by == "them":
            self.east.initiate("net")
        else:
            assert self.lab.source.ping(self.places["inside"])
        assert "tunnel" in [row["action"] for row in self.west.eroutes()]
        assert len(self.east.children()) == 1

    def carries(self, octets=1_000_000):
        """Checksummed, both ways and begun by both sides; and the internet sees ESP only."""
        with self.lab.capture("west") as wire:
            for host, address in ((self.lab.source, self.places["inside"]),
                                  (self.lab.east, self.places["source"])):
                said = host.talk("tcp", address, 7000, octets)
                assert said.get("same"), said
        assert len(wire.frames().esp()) > 2 * octets / 1500
        assert not wire.frames().with_octets(PIECE)

    def spis(self, what):
        """SPIs of their --ike or --child SAs."""
        pattern = r"(\w{16})_[ir]" if what == "--ike" else r"^ +(?:in|out) +(\w{8})"
        return set(re.findall(pattern, self.east.sas(), re.M))

    def stream(self):
        return Stream(self.lab.source, self.places["inside"])

    def transfer(self, octets):
        return Transfer(self.lab.source, self.places["inside"], octets)

    def says(self):
        """For a report: what both ends say of themselves."""
        return [("west", self.west.log()[-3000:]), ("strongSwan", self.east.log()[-3000:])]

    def our_sa(self):
        """What our log says of the newest IKE SA and of its child."""
        lines = self.west.log().splitlines()
        return [[line for line in lines if f"ike {EAST}: {what}" in line][-1]
                for what in ("up,", "child ")]


def keys(kind, auth="pubkey"):
    """Words of theirs(): raw public keys of a kind on both sides."""
    return {"auth": auth, "peer_auth": "pubkey", "key": f"pubkeys = {kind}.pem",
            "peer_key": f"pubkeys = ours-{kind}.pem"}


def rfc3110(pem):
    """The public key of a PEM file as leftrsasigkey= takes it."""
    modulus = run("openssl", "rsa", "-in", pem.as_posix(), "-modulus", "-noout").stdout
    return "0s" + base64.b64encode(b"\3\1\0\1" + bytes.fromhex(modulus.split("=")[1])).decode()


def public_key(pem):
    """SubjectPublicKeyInfo as leftsigkey= takes it."""
    lines = run("openssl", "pkey", "-in", pem.as_posix(), "-pubout").stdout.splitlines()
    return "0s" + "".join(lines[1:-1])


def raw_public_key(pem):
    """An Ed25519 public key in base64, as IPSECKEY has it (RFC 9373)."""
    return base64.b64encode(base64.b64decode(public_key(pem)[2:])[-32:]).decode()


@pytest.fixture(scope="module")
def bed(lab):
    return Bed(lab)


@pytest.fixture(autouse=True)
def stopped(bed):
    yield
    bed.stop()


@pytest.fixture
def nat(lab):
    """Rules of a NAT in the router; forgotten at the end, with what it has translated."""
    def start(*rules):
        pre = "; ".join(rule for rule in rules if "dnat" in rule)
        post = "; ".join(rule for rule in rules if "dnat" not in rule)
        lab.internet.nft(f"""table ip mynat {{
                chain pre {{ type nat hook prerouting priority dstnat; {pre}
                }}
                chain post {{ type nat hook postrouting priority srcnat; {post}
                }}
        }}""")
    yield start
    lab.internet.shell("nft delete table ip mynat || true")


ROLES = pytest.mark.parametrize("by", ["us", "them"])


@ROLES
def test_a_shared_secret(bed, by):
    bed.ours()
    bed.theirs()
    bed.start()
    bed.begin(by)
    bed.carries()


@ROLES
@pytest.mark.parametrize("auth", ["rsa", "rsa/pss"])
def test_raw_rsa_keys(bed, by, auth):
    bed.ours("rsa", rightrsasigkey=rfc3110(bed.keys["rsa"]))
    bed.theirs(**keys("rsa", auth=auth))
    bed.start()
    bed.begin(by)
    bed.carries(64)


@ROLES
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-256", "ecdsa-384"])
def test_raw_keys_of_other_kinds(bed, by, kind):
    bed.ours(kind, rightsigkey=public_key(bed.keys[kind]))
    bed.theirs(**keys(kind))
    bed.start()
    bed.begin(by)
    bed.carries(64)


@ROLES
@pytest.mark.parametrize("ours, theirs", [("ecdsa-256", "rsa"), ("rsa", "ecdsa-384")])
def test_certificates(bed, lab, by, ours, theirs):
    """One identity is a name, the other a distinguished name; both come from one CA. With an RSA
    certificate our IKE_AUTH is too long for one datagram, so it comes in pieces."""
    root = Authority(bed.east.dir / f"ca-{ours}-{theirs}-{by}", "Root")
    secret = (bed.west.dir / f"{ours}.secrets").read_text().split()[-1]
    west = root.issue(bed.west.confs / "ipsec.d/private" / secret, "west", "DNS:west.example.net")
    east = root.issue(bed.keys[theirs], "east", "DNS:east.example.net")
    for name, file in (("certs", west), ("cacerts", root.dir / "ca.pem")):
        folder = bed.west.confs / "ipsec.d" / name
        folder.mkdir(exist_ok=True)
        shutil.copy(file, folder)
    shutil.copy(east, bed.east.dir / "x509")
    shutil.copy(root.dir / "ca.pem", bed.east.dir / "x509ca")
    bed.ours(ours, leftid="@west.example.net", leftcert="west.pem",
             rightid='"C=CH, O=Example, CN=east"')
    bed.theirs(auth="pubkey", peer_auth="pubkey", key="certs = east.pem", peer_key="cacerts = ca.pem",
               id='"C=CH, O=Example, CN=east"', peer_id="west.example.net")
    bed.start()
    with lab.capture("west") as wire:
        bed.begin(by)
    pieces = [frame for frame in wire.frames().ike()
              if frame.ike_exchange() == "IKE_AUTH" and frame.source == WEST]
    assert len(pieces) > 1 if ours == "rsa" else len(pieces) == 1
    assert "cert" in [row["strength"] for row in bed.west.eroutes()]
    bed.carries(64)


@ROLES
def test_ed25519_keys_theirs_from_the_dns(bed, lab, by):
    lab.publish(reverse(EAST), f"{reverse(EAST)} IPSECKEY 10 0 4 . "
                               f"{raw_public_key(bed.keys['ed25519'])}")
    lab.reload_dns()
    bed.ours("ed25519")
    bed.theirs(**keys("ed25519"))
    bed.start()
    bed.begin(by)
    bed.carries(64)


@ROLES
@pytest.mark.parametrize("ike, esp, named", [
    ("aes256gcm16-prfsha384-ecp384", "aes256gcm16-ecp384", "AES-GCM-16-256"),
    ("chacha20poly1305-prfsha256-ecp256", "chacha20poly1305-ecp256", "CHACHA20-POLY1305"),
    ("aes256-sha256-modp2048", "aes256-sha256-modp2048", "AES-CBC-256"),
    ("aes128-sha512-curve25519", "aes128-sha512-curve25519", "AES-CBC-128"),
    ("aes128gcm16-prfsha512-modp3072", "aes128gcm16-modp3072", "AES-GCM-16-128"),
])
def test_suites_that_they_insist_on(bed, by, ike, esp, named):
    """Some of them we take, but offer only where a conn names them."""
    bed.ours(**({"ike": ike, "esp": esp} if by == "us" or "modp3072" in ike else {}))
    bed.theirs(ike=ike, esp=esp)
    bed.start()
    bed.begin(by)
    for line in bed.our_sa():
        assert named in line.upper().replace("_", "-")
    bed.carries()


def test_a_wrong_shared_secret_makes_no_tunnel_and_nothing_leaves(bed, lab):
    bed.ours()
    bed.theirs(psk="they never met")
    bed.start()
    with lab.capture("west") as wire:
        assert not lab.source.ping(EAST_IN, wait=1).received
        assert bed.east.initiate("net", check=False).returncode != 0
    assert bed.west.action(SOURCE, EAST_IN) == "drop"
    assert not bed.east.children()
    assert not wire.frames().naming(SOURCE)


def test_another_identity_with_a_published_key_is_not_the_gateway_that_the_conn_names(bed, lab):
    lab.publish(reverse(DEST), f"{reverse(DEST)} IPSECKEY 10 0 4 . "
                               f"{raw_public_key(bed.keys['ed25519'])}")
    lab.reload_dns()
    bed.ours("ed25519")
    bed.theirs(**keys("ed25519"), id=DEST)
    bed.start()
    assert bed.east.initiate("net", check=False).returncode != 0
    assert bed.west.action(SOURCE, EAST_IN) != "tunnel"
    assert "it is not whom the conn names as its peer" in bed.west.log()


@ROLES
@pytest.mark.parametrize("what", ["--child", "--ike"])
def test_they_delete(bed, lab, by, what):
    bed.ours()
    bed.theirs()
    bed.start()
    bed.begin(by)
    bed.east.swanctl("--terminate", what, "net")
    assert bed.west.action(SOURCE, EAST_IN) != "tunnel"
    assert lab.source.ping(EAST_IN)  # and traffic makes a new one
    bed.carries(64)


@ROLES
def test_we_are_stopped_and_they_are_told(bed, by):
    bed.ours()
    bed.theirs()
    bed.start()
    bed.begin(by)
    bed.west.stop()
    until("strongSwan has no SA", lambda: not bed.east.sas())


# Post-quantum secrets (RFC 8784)

PPK = "5a" * 32


def ppk(octets=PPK, name="shared2026"):
    """Words of theirs(): they have this secret, and use it if we do."""
    return {"more": f"ppk_id = {name}", "secrets": f"ppk-1 {{ secret = 0x{octets}\n id = {name} }}"}


@ROLES
@pytest.mark.parametrize("use, required", [("insist", "yes"), ("propose", "no")])
def test_a_post_quantum_secret(bed, by, use, required):
    bed.ours(more_secrets=f': PPK "shared2026" 0x{PPK}\n', ppk=use)
    words = ppk()
    bed.theirs(**{**words, "more": words["more"] + f"\n    ppk_required = {required}"})
    before = len(bed.east.log())
    bed.start()
    bed.begin(by)
    assert "using PPK for PPK_ID 'shared2026'" in bed.east.log()[before:]
    bed.carries(64)
    for what in ("--child", "--ike"):  # keys of both kinds come from the one that was stirred
        before = bed.spis(what)
        bed.east.swanctl("--rekey", what, "net")
        until("it has new keys", lambda: bed.spis(what) - before)
        bed.carries(64)


@pytest.mark.parametrize("by, auth", [("us", "psk"), ("us", "ed25519"), ("them", "ed25519")])
def test_a_post_quantum_secret_that_only_one_has(bed, by, auth):
    """Either side goes on without it where it is told to propose it."""
    has = {"more_secrets": f': PPK "shared2026" 0x{PPK}\n', "ppk": "propose"}
    words = keys(auth) if auth != "psk" else {}
    more = {"rightsigkey": public_key(bed.keys[auth])} if auth != "psk" else {}
    bed.ours(auth, **more, **(has if by == "us" else {}))
    bed.theirs(**words, **(ppk() if by == "them" else {}))
    before = len(bed.east.log())
    bed.start()
    bed.begin(by)
    assert "using PPK" not in bed.east.log()[before:]
    bed.carries(64)


@ROLES
def test_no_tunnel_without_the_post_quantum_secret_that_a_conn_insists_on(bed, lab, by):
    bed.ours(more_secrets=f': PPK "shared2026" 0x{PPK}\n', ppk="insist")
    bed.theirs()
    bed.start()
    if by == "us":
        assert not lab.source.ping(EAST_IN, wait=1).received
    else:
        assert bed.east.initiate("net", check=False).returncode != 0
    assert bed.west.action(SOURCE, EAST_IN) != "tunnel"
    assert not bed.east.children()


@ROLES
def test_another_post_quantum_secret_of_the_same_name_makes_no_tunnel(bed, lab, by):
    bed.ours(more_secrets=f': PPK "shared2026" 0x{PPK}\n', ppk="insist")
    bed.theirs(**ppk("a5" * 32))
    bed.start()
    if by == "us":
        assert not lab.source.ping(EAST_IN, wait=1).received
    else:
        assert bed.east.initiate("net", check=False).returncode != 0
    assert bed.west.action(SOURCE, EAST_IN) != "tunnel"
    assert not bed.east.children()


# Ranges, and SAs that live on


@ROLES
def test_two_networks_in_one_tunnel(bed, lab, by):
    bed.ours()
    bed.theirs(local_ts=EAST_LAN, remote_ts=WEST_LAN)
    bed.start()
    bed.begin(by)
    assert lab.source.talk("tcp", DEST, 7000, 300_000)["same"]
    assert lab.second.ping(SOURCE)
    assert len(bed.east.children()) == 1


def test_the_packet_that_waits_is_named_before_its_network(bed, lab):
    """TS-5: by its addresses, protocol and ports; the peer has a part of what we ask for."""
    bed.ours()
    bed.theirs(local_ts=f"{EAST_IN}/28", remote_ts=WEST_LAN)
    bed.start()
    assert lab.source.talk("tcp", DEST, 7000, 1000)["same"]
    for address in (SOURCE, DEST):  # it calls port 7000 "bbs", or whatever services(5) says
        assert re.search(rf"received: {address}/32\[tcp/\w+\]", bed.east.log())
    assert len(bed.east.children()) == 1


@ROLES
def test_a_translated_network_is_one_address_to_them(bed, lab, by):
    """leftnat=, with an address that no interface has."""
    outside = "198.18.1.77"
    bed.ours(leftnat=outside)
    bed.theirs(local_ts=EAST_LAN, remote_ts=outside)
    bed.start()
    bed.begin(by)
    with lab.capture("west") as wire:
        for address in (EAST_IN, DEST):
            assert lab.source.talk("tcp", address, 7000, 100_000)["same"]
    assert len(bed.east.children()) == 1
    assert wire.frames().esp() and not wire.frames().with_octets(PIECE)
    assert not wire.frames().naming(outside) and not wire.frames().naming(SOURCE)


@ROLES
def test_they_ask_for_more_than_we_join(bed, lab, by):
    """TS-4: by whoever it begins, it is our part of everything."""
    bed.ours()
    bed.theirs(local_ts="0.0.0.0/0", remote_ts="0.0.0.0/0")
    bed.start()
    bed.begin(by)
    assert [(row["source"], row["destination"]) for row in bed.west.eroutes()
            if row["action"] == "tunnel"] == [(WEST_LAN, EAST_LAN)]
    said = bed.east.children()[0] + bed.east.sas()
    assert f"local  {EAST_LAN}" in said and f"remote {WEST_LAN}" in said
    bed.carries(64)


@ROLES
def test_selectors_of_one_port_are_refused_and_nothing_leaves(bed, lab, by):
    """Ours are for all protocols and ports: rows that say less would send more than they take."""
    bed.ours()
    bed.theirs(local_ts=f"{EAST_IN}/32[tcp/7000]")
    bed.start()
    with lab.capture("west") as wire:
        if by == "them":
            assert bed.east.initiate("net", check=False).returncode != 0
        connect = lab.source.run("timeout", 1, "bash", "-c", f": </dev/tcp/{EAST_IN}/7000", check=False)
        assert connect.returncode != 0
    assert bed.west.action(SOURCE, EAST_IN) == "drop"
    until("strongSwan has no CHILD SA", lambda: not bed.east.children())
    assert not wire.frames().naming(SOURCE)


@ROLES
@pytest.mark.parametrize("what", ["--child", "--ike"])
def test_they_rekey_under_traffic(bed, lab, by, what):
    bed.ours()
    bed.theirs()
    bed.start()
    bed.begin(by)
    with bed.stream() as stream:
        for _ in range(1 if what == "--ike" else 3):  # of IKE SAs we take one in ten seconds
            before = bed.spis(what)
            bed.east.swanctl("--rekey", what, "net")
            until("it has new keys", lambda: bed.spis(what) - before)
            bed.carries(300_000)
    # On a crowded machine one was lost once, in its userspace ESP or in ours.
    assert len(stream.lost()) <= 1


@ROLES
@pytest.mark.parametrize("word, what", [("keylife", "--child"), ("ikelifetime", "--ike")])
def test_we_rekey_and_no_packet_is_lost(bed, lab, by, word, what):
    bed.ours(**{word: 6, "rekeymargin": 3, "rekeyfuzz": "0%"})
    bed.theirs()
    bed.start()
    bed.begin(by)
    with bed.stream() as stream:
        for _ in range(2):
            before = bed.spis(what)
            until("it has new keys", lambda: bed.spis(what) - before, timeout=20)
            bed.carries(300_000)
    assert not stream.lost()


@ROLES
@pytest.mark.parametrize("order", ["no", "yes"])
def test_they_authenticate_again(bed, by, order):
    """A new IKE SA with a CHILD SA of its own, and the old one's end: before it, or behind it."""
    bed.east.settings(f"make_before_break = {order}")
    bed.ours()
    bed.theirs()
    bed.start()
    bed.begin(by)
    before = bed.spis("--ike")
    bed.east.swanctl("--rekey", "--ike", "net", "--reauth")
    until("there is another IKE SA alone",
          lambda: len(bed.spis("--ike") - before) > 1 and not bed.spis("--ike") & before, timeout=10)
    bed.east.settings("")
    bed.carries(300_000)
    assert len(bed.east.children()) == 1


def test_they_begin_without_a_child_sa(bed):
    """RFC 6023"""
    bed.ours()
    bed.theirs(more="childless = force")
    bed.start()
    bed.begin("them")
    bed.carries(64)


@pytest.fixture
def ipv6(bed):
    """Both outside and inside."""
    bed.places = PLACES6
    yield
    bed.places = PLACES


@ROLES
def test_over_ipv6_they_rekey_under_a_transfer(bed, by, ipv6):
    bed.ours()
    bed.theirs()
    bed.start()
    bed.begin(by)
    bed.carries()
    for what in ("--child", "--ike"):
        before = bed.spis(what)
        with bed.transfer(20_000_000) as transfer:
            bed.east.swanctl("--rekey", what, "net")
            until("it has new keys", lambda: bed.spis(what) - before)
            assert transfer.goes_on()
        assert transfer.same


@ROLES
def test_over_ipv6_we_rekey_under_a_transfer(bed, by, ipv6):
    bed.ours(keylife=6, ikelifetime=9, rekeymargin=3, rekeyfuzz="0%")
    bed.theirs()
    bed.start()
    bed.begin(by)
    for what in ("--child", "--ike"):
        before = bed.spis(what)
        while not bed.spis(what) - before:
            with bed.transfer(5_000_000) as transfer:
                pass
            assert transfer.same


@pytest.mark.parametrize("by, outside, inside", [("us", PLACES6, PLACES), ("them", PLACES, PLACES6)],
                         ids=["4in6", "6in4"])
def test_one_family_in_the_other(bed, by, outside, inside):
    bed.places = {**inside, "west": outside["west"], "east": outside["east"]}
    try:
        bed.ours()
        bed.theirs()
        bed.start()
        bed.begin(by)
        bed.carries(300_000)
    finally:
        bed.places = PLACES


OTHER_IN, OTHER_LAN = "198.19.9.1", "198.19.9.0/24"
OUR_OTHER = """
conn other
	left={west}
	leftsubnet={west_lan}
	right={east}
	rightsubnet=198.19.9.0/24
	authby=secret
	auto=route
"""
THEIR_OTHER = """other {{
        local_ts = {lan}
        remote_ts = {remote}
        esp_proposals = aes128gcm16-curve25519
      }}
      net {{"""


@ROLES
def test_two_conns_on_one_ike_sa(bed, lab, by):
    """What ends or is made anew of one of them is nothing to the other."""
    lab.east.ip("address", "replace", f"{OTHER_IN}/24", "dev", "lan")
    bed.ours()
    with open(bed.west.confs / "ipsec.conf", "a") as conf:
        conf.write(OUR_OTHER.format(**PLACES))
    bed.theirs()
    path = bed.east.dir / "swanctl.conf"
    bed.east.configure(path.read_text().replace("      net {", "      " + THEIR_OTHER.format(
        lan=OTHER_LAN, remote=WEST_LAN)))
    bed.start()
    bed.begin(by)
    assert lab.source.ping(OTHER_IN) if by == "us" else bed.east.initiate("other")
    for what in ("nothing", "--child", "--ike"):
        if what == "--child":
            bed.east.swanctl("--terminate", what, "net")
        elif what == "--ike":
            before = bed.spis(what)
            bed.east.swanctl("--rekey", what, "net")
            until("the IKE SA is another one", lambda: not bed.spis("--ike") & before)
        for address in (OTHER_IN, EAST_IN):
            assert lab.source.talk("tcp", address, 7000, 10_000)["same"]
        assert len(bed.east.children()) == 2
        assert len(bed.spis("--ike")) == 2  # of the two ends


def test_they_die_and_we_notice(bed, lab):
    bed.ours()
    bed.theirs()
    bed.start()
    bed.begin("us")
    bed.east.stop(signal.SIGKILL)
    lab.source.ping(EAST_IN, wait=1)
    until("the peer counts as dead", lambda: bed.west.action(SOURCE, EAST_IN) != "tunnel", 15)
    bed.east.start()
    until("there is a tunnel again", lambda: lab.source.ping(EAST_IN, wait=1), 15)
    bed.carries(64)


def test_we_die_and_they_notice(bed, lab):
    bed.ours()
    bed.theirs(more="dpd_delay = 1")
    bed.start()
    bed.begin("us")
    bed.west.kill()
    until("the peer counts as dead", lambda: not bed.east.sas(), 20)
    bed.west.start()
    bed.begin("them")
    bed.carries(64)


def test_we_come_back_and_they_believe_in_our_first_contact(bed, lab):
    bed.ours()
    bed.theirs(more="unique = replace")
    bed.start()
    bed.begin("us")
    bed.west.kill()
    bed.west.start()
    bed.begin("us")
    bed.carries(64)


# NAT, pieces


def test_a_nat_in_front_of_us(bed, lab, nat):
    nat(f'ip saddr {WEST} oifname "east" meta l4proto udp masquerade to :40000-40999')
    bed.ours(leftid=WEST)
    bed.theirs(remote="%any")
    bed.start()
    bed.begin("us")
    bed.carries(300_000)
    bed.east.swanctl("--rekey", "--child", "net")
    bed.carries(300_000)


@ROLES
def test_a_nat_in_front_of_both_with_forwarded_ports(bed, lab, by, nat):
    """Each knows the other by an address of the router."""
    nat(f'ip saddr {WEST} oifname "east" snat to {NAT_EAST}',
        f'ip saddr {EAST} oifname "west" snat to {NAT_WEST}',
        f'iifname "west" ip daddr {NAT_WEST} dnat to {EAST}',
        f'iifname "east" ip daddr {NAT_EAST} dnat to {WEST}')
    bed.ours(right=NAT_WEST, leftid=WEST, rightid=EAST)
    bed.theirs(remote=NAT_EAST)
    bed.start()
    bed.begin(by)
    bed.carries(300_000)


def test_a_nat_in_front_of_them_that_forgets_its_ports(bed, lab, nat):
    def masquerade(ports):
        nat(f'ip saddr {EAST} oifname "west" meta l4proto udp masquerade to :{ports}')

    masquerade("40000-40999")
    bed.ours(right="%any", rightid=EAST)
    bed.theirs()
    bed.start()
    bed.begin("them")
    bed.carries(64)
    lab.internet.shell("nft delete table ip mynat")
    masquerade("50000-50999")
    lab.internet.sysctl(net__ipv6__conf__west__keep_addr_on_down=1)
    lab.internet.ip("link", "set", "west", "down")  # the kernel forgets what it has masqueraded there
    lab.internet.ip("link", "set", "west", "up")
    lab.internet.ip("route", "replace", WEST_LAN, "via", WEST)
    until("we know where they are",
          lambda: lab.east.ping(SOURCE, wait=1, options=("-I", EAST_IN)), timeout=10)
    assert bed.west.log().count("the peer is at") == 1
    assert lab.source.ping(EAST_IN)
    for what in ("--child", "--ike"):
        before = bed.spis(what)
        bed.east.swanctl("--rekey", what, "net")
        until("it has new keys", lambda: bed.spis(what) - before)
        bed.carries(64)


@ROLES
def test_pieces(bed, lab, by):
    """RFC 7383: RSA keys, and a peer that wants no datagram above 400 octets."""
    bed.east.settings("fragment_size = 400")
    bed.ours("rsa", rightrsasigkey=rfc3110(bed.keys["rsa"]))
    bed.theirs(**keys("rsa"), more="fragmentation = force")
    bed.start()
    with lab.capture("east") as wire:
        bed.begin(by)
    bed.east.settings("")
    auth = [frame for frame in wire.frames().ike() if frame.ike_exchange() == "IKE_AUTH"]
    assert len([frame for frame in auth if frame.source == EAST]) > 1
    bed.carries(64)
