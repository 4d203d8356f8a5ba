"""strongSwan at the other end of a configured tunnel, in both roles (doc/interop.md)."""
import base64
import pathlib

import pytest

from gateway import Gateway, SETUP
from lab import (DEST, EAST, EAST_IN, EAST_LAN, PIECE, SOURCE, WEST, WEST_LAN, reverse, run, until)
from strongswan import Strongswan

OURS = """
conn net
	left={west}
	leftsubnet={west_lan}
	right={east}
	rightsubnet={east_lan}
	auto=route
	authby={authby}
"""

THEIRS = """
connections {{
  net {{
    version = 2
    local_addrs = {east}
    remote_addrs = {west}
    proposals = {ike}
    {more}
    local {{
      id = {id}
      auth = {auth}
      {key}
    }}
    remote {{
      id = {west}
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
secrets {{ ike-west {{ secret = "{psk}" }} }}
"""

PSK = "they met at the conference"
PLACES = {"west": WEST, "west_lan": WEST_LAN, "east": EAST, "east_lan": EAST_LAN}


class Bed:
    """West is ours, east is strongSwan, and it speaks for its own inside address (its plugin wants one)."""

    def __init__(self, lab):
        self.lab = lab
        self.west, self.east = Gateway(lab.west, WEST_LAN, WEST), Strongswan(lab.east)
        self.keys = {"rsa": self.east.key("rsa", "-algorithm", "RSA"),
                     "ed25519": self.east.key("ed25519", "-algorithm", "ED25519")}
        for kind in self.keys:
            self.our_key(kind)
        lab.east.serve("tcp", 7000)
        lab.source.serve("tcp", 7000)

    def our_key(self, kind):
        """A host key of ours, known to strongSwan as ours-KIND.pem; ours(KIND) uses it."""
        secrets = self.west.confs / "ipsec.secrets"
        secrets.unlink(missing_ok=True)
        self.west.ipsec("newhostkey", "--type", kind, timeout=60)
        line = secrets.read_text()
        (self.west.dir / f"{kind}.secrets").write_text(line)
        private = self.west.confs / "ipsec.d/private" / line.split()[-1]
        run("openssl", "pkey", "-in", private.as_posix(), "-pubout", "-out",
            (self.east.dir / "pubkey" / f"ours-{kind}.pem").as_posix())

    def ours(self, secrets="psk", authby="rsasig", more=""):
        """Our conn and the secrets to be ours: `psk`, or the kind of our host key."""
        text = f'{WEST} {EAST} : PSK "{PSK}"\n'
        if secrets != "psk":
            text = (self.west.dir / f"{secrets}.secrets").read_text()
        path = self.west.confs / "ipsec.secrets"
        path.write_text(text)
        path.chmod(0o600)
        self.west.configure(SETUP, OURS + more, authby=authby, **PLACES)

    def theirs(self, **words):
        words = {"auth": "psk", "peer_auth": "psk", "key": "", "peer_key": "", "ike": "default",
                 "esp": "aes128gcm16-curve25519", "local_ts": f"{EAST_IN}/32", "remote_ts": f"{SOURCE}/32",
                 "more": "", "child": "", "psk": PSK, "id": EAST, **PLACES, **words}
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
            assert self.lab.source.ping(EAST_IN)
        assert self.west.action(SOURCE, EAST_IN) == "tunnel"
        assert len(self.east.children()) == 1

    def carries(self, octets=1_000_000):
        """Checksummed, both ways and begun by both sides; and the internet sees ESP only."""
        with self.lab.capture("west") as wire:
            for host, address in ((self.lab.source, EAST_IN), (self.lab.east, SOURCE)):
                said = host.talk("tcp", address, 7000, octets)
                assert said.get("same"), said
        assert len(wire.frames().esp()) > 2 * octets / 1500
        assert not wire.frames().with_octets(PIECE)

    def says(self):
        """For a report: what both ends say of themselves."""
        return [("west", self.west.log()[-3000:]), ("strongSwan", self.east.log()[-3000:])]

    def our_sa(self):
        """What our log says of the newest IKE SA and of its child."""
        lines = self.west.log().splitlines()
        return [[line for line in lines if f"ike {EAST}: {what}" in line][-1]
                for what in ("up,", "child ")]


def rfc3110(pem):
    """The public key of a PEM file as leftrsasigkey= takes it."""
    modulus = run("openssl", "rsa", "-in", pem.as_posix(), "-modulus", "-noout").stdout
    return "0s" + base64.b64encode(b"\3\1\0\1" + bytes.fromhex(modulus.split("=")[1])).decode()


def raw_public_key(pem):
    """An Ed25519 public key in base64, as IPSECKEY has it (RFC 9373)."""
    out = pem.with_suffix(".der")
    run("openssl", "pkey", "-in", pem.as_posix(), "-pubout", "-outform", "DER", "-out",
        out.as_posix())
    return base64.b64encode(pathlib.Path(out).read_bytes()[-32:]).decode()


@pytest.fixture(scope="module")
def bed(lab):
    return Bed(lab)


@pytest.fixture(autouse=True)
def stopped(bed):
    yield
    bed.stop()


ROLES = pytest.mark.parametrize("by", ["us", "them"])


@ROLES
def test_a_shared_secret(bed, by):
    bed.ours(authby="secret")
    bed.theirs()
    bed.start()
    bed.begin(by)
    bed.carries()


@ROLES
@pytest.mark.parametrize("auth", ["rsa", "rsa/pss"])
def test_raw_rsa_keys(bed, by, auth):
    bed.ours("rsa", more=f"\trightrsasigkey={rfc3110(bed.keys['rsa'])}\n")
    bed.theirs(auth=auth, peer_auth="pubkey", key="pubkeys = rsa.pem", peer_key="pubkeys = ours-rsa.pem")
    bed.start()
    bed.begin(by)
    bed.carries(64)


@ROLES
def test_ed25519_keys_theirs_from_the_dns(bed, lab, by):
    lab.publish(reverse(EAST), f"{reverse(EAST)} IPSECKEY 10 0 4 . "
                               f"{raw_public_key(bed.keys['ed25519'])}")
    lab.reload_dns()
    bed.ours("ed25519")
    bed.theirs(auth="pubkey", peer_auth="pubkey", key="pubkeys = ed25519.pem",
               peer_key="pubkeys = ours-ed25519.pem")
    bed.start()
    bed.begin(by)
    bed.carries(64)


def test_a_wrong_shared_secret_makes_no_tunnel_and_nothing_leaves(bed, lab):
    bed.ours(authby="secret")
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
    bed.theirs(auth="pubkey", peer_auth="pubkey", key="pubkeys = ed25519.pem",
               peer_key="pubkeys = ours-ed25519.pem", id=DEST)
    bed.start()
    assert bed.east.initiate("net", check=False).returncode != 0
    assert bed.west.action(SOURCE, EAST_IN) != "tunnel"
    assert "it is not whom the conn names as its peer" in bed.west.log()


@ROLES
@pytest.mark.parametrize("what", ["--child", "--ike"])
def test_they_delete(bed, lab, by, what):
    bed.ours(authby="secret")
    bed.theirs()
    bed.start()
    bed.begin(by)
    bed.east.swanctl("--terminate", what, "net")
    assert bed.west.action(SOURCE, EAST_IN) != "tunnel"
    assert lab.source.ping(EAST_IN)  # and traffic makes a new one
    bed.carries(64)


@ROLES
def test_we_are_stopped_and_they_are_told(bed, by):
    bed.ours(authby="secret")
    bed.theirs()
    bed.start()
    bed.begin(by)
    bed.west.stop()
    until("strongSwan has no SA", lambda: not bed.east.sas())
