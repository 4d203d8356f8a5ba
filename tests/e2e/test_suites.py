"""Algorithms agreed on with strongSwan: those of older peers, and those that a conn's ike= and esp= name."""
import pytest

from lab import EAST_IN, until
from test_strongswan import ROLES, Bed

CBC = "AES-CBC-256, HMAC-SHA2-256-128"


@pytest.fixture(scope="module")
def bed(lab):
    return Bed(lab)


@pytest.fixture(autouse=True)
def stopped(bed):
    yield
    bed.stop()


def configure(bed, ours, ike, esp):
    bed.ours(**ours)
    bed.theirs(ike=ike, esp=esp)
    bed.start()


@ROLES
def test_an_older_peer_has_cbc_and_modp(bed, by):
    configure(bed, {}, "aes256-sha256-modp2048", "aes256-sha256")
    bed.begin(by)
    sa, child = bed.our_sa()
    assert f"{CBC}, HMAC_SHA2_256, MODP-2048" in sa and CBC in child
    bed.carries()


@ROLES
@pytest.mark.parametrize("ike, esp, in_sa, in_child", [
    ("aes128-sha512-modp3072", "aes128-sha512", "AES-CBC-128, HMAC-SHA2-512-256, HMAC_SHA2_512, MODP-3072",
     "AES-CBC-128, HMAC-SHA2-512-256"),
    ("aes256-sha384-ecp384", "aes256-sha384-noesn", "AES-CBC-256, HMAC-SHA2-384-192, HMAC_SHA2_384, P-384",
     "AES-CBC-256, HMAC-SHA2-384-192"),
    ("aes256gcm16-prfsha512-ecp256", "chacha20poly1305", "AES-GCM-16-256, HMAC_SHA2_512, P-256",
     "ChaCha20-Poly1305"),
    ("chacha20poly1305-prfsha384-modp4096", "aes256gcm16", "ChaCha20-Poly1305, HMAC_SHA2_384, MODP-4096",
     "AES-GCM-16-256"),
])
def test_a_conn_says_what_it_wants(bed, by, ike, esp, in_sa, in_child):
    configure(bed, {"ike": ike, "esp": esp}, ike, esp)
    bed.begin(by)
    sa, child = bed.our_sa()
    assert in_sa in sa and in_child in child
    bed.carries(200_000)


@ROLES
def test_what_the_conn_does_not_name_is_not_taken(bed, by):
    configure(bed, {"ike": "aes256gcm16-sha256-x25519"}, "aes256-sha256-modp2048", "aes256-sha256")
    if by == "them":
        assert bed.east.initiate("net", check=False).returncode != 0
    else:
        assert not bed.lab.source.ping(EAST_IN, wait=1).received
    assert not bed.east.children()


OLD = "aes128-sha256-modp2048", "aes128-sha512-modp2048"


@pytest.mark.parametrize("what", ["--child", "--ike"])
def test_an_older_peer_rekeys(bed, what):
    configure(bed, {}, *OLD)
    bed.begin("them")
    before = bed.spis(what)
    bed.east.swanctl("--rekey", what, "net")
    until("it has new keys", lambda: bed.spis(what) - before)
    bed.carries(200_000)
    assert "AES-CBC-128, HMAC-SHA2-512-256" in bed.our_sa()[1]


@pytest.mark.parametrize("word, what", [("keylife", "--child"), ("ikelifetime", "--ike")])
def test_we_rekey_what_an_older_peer_began(bed, word, what):
    """With what it had chosen, which is not what we would have offered."""
    configure(bed, {word: 6, "rekeymargin": 3, "rekeyfuzz": "0%"}, *OLD)
    bed.begin("them")
    before = bed.spis(what)
    until("it has new keys", lambda: bed.spis(what) - before, timeout=10)
    bed.carries(200_000)
    assert "AES-CBC-128, HMAC-SHA2-512-256" in bed.our_sa()[1]
