"""How two gateways of a configured tunnel prove who they are."""
import shutil

import pytest

from gateway import SETUP
from lab import DEST, EAST, EAST_LAN, PIECE, SOURCE, WEST, WEST_LAN
from pki import Authority

# As an administrator copies it to both machines: left is west.
TUNNEL = """
conn tunnel
	left={west}
	leftsubnet={west_lan}
	right={east}
	rightsubnet={east_lan}
	keyingtries=1
	auto=route
"""
ANONYMOUS = """
conn anonymous
	left=%defaultroute
	right=%opportunistic
	authby=null
	auto=route
"""
PLACES = {"west": WEST, "east": EAST, "west_lan": WEST_LAN, "east_lan": EAST_LAN}


def secrets(gateway, text):
    path = gateway.confs / "ipsec.secrets"
    path.write_text(text)
    path.chmod(0o600)


def configure(pair, *words):
    """The same conn on both sides, with more words."""
    more = "".join(f"\t{word}\n" for word in words)
    for gateway in (pair.west, pair.east):
        gateway.configure(SETUP, TUNNEL, more, **PLACES)


def host_keys(gateway, kind, end):
    """A fresh host key; the line of ipsec.conf that names it."""
    secrets(gateway, "")
    if kind:
        gateway.ipsec("newhostkey", *kind.split())
    return gateway.ipsec("showhostkey", f"--{end}").stdout.splitlines()[-1].strip()


def carries(lab, pair):
    pair.restart()
    with lab.capture("west") as capture:
        assert lab.source.ping(DEST, count=2)
    assert pair.west.action(SOURCE, DEST) == "tunnel"
    assert not capture.frames().with_octets(PIECE)


def refuses(lab, pair, why):
    pair.restart()
    with lab.capture("west") as capture:
        assert not lab.source.ping(DEST)
    assert pair.west.action(SOURCE, DEST) != "tunnel"
    assert pair.east.action(DEST, SOURCE) != "tunnel"
    assert not capture.frames().with_octets(PIECE)
    assert why in pair.west.log() + pair.east.log()


@pytest.mark.parametrize("kinds", [
    ("--type ed25519", "--type ed25519"), ("--type ecdsa", "--type ecdsa --bits 384"),
    ("--bits 2048", "--type ecdsa")])
def test_raw_keys_of_every_kind(lab, idle_pair, kinds):
    left = host_keys(idle_pair.west, kinds[0], "left")
    right = host_keys(idle_pair.east, kinds[1], "right")
    configure(idle_pair, left, right)
    carries(lab, idle_pair)


@pytest.mark.parametrize("secret", ['"' + "a long shared secret of sixty-four octets or more, " * 2 + '"',
                                    "0x" + "5a" * 40, "0sc2hhcmVkIHNlY3JldA=="])
def test_shared_secrets(lab, idle_pair, secret):
    for gateway in (idle_pair.west, idle_pair.east):
        secrets(gateway, f"{WEST} {EAST} : PSK {secret}\n")
    configure(idle_pair, "authby=secret")
    carries(lab, idle_pair)


def test_each_side_its_own_way(lab, idle_pair):
    left = host_keys(idle_pair.west, "--type ed25519", "left")
    shared = f"{WEST} {EAST} : PSK \"what east proves\"\n"
    path = idle_pair.west.confs / "ipsec.secrets"
    path.write_text(path.read_text() + shared)
    secrets(idle_pair.east, shared)
    configure(idle_pair, left, "leftauth=rsasig", "rightauth=secret")
    carries(lab, idle_pair)


def test_hosts_without_a_name_meet(lab, idle_pair):
    """RFC 7619: no keys and no records, only the two addresses themselves."""
    for gateway in (idle_pair.west, idle_pair.east):
        secrets(gateway, "")
        gateway.configure(SETUP, ANONYMOUS)
    idle_pair.restart()
    with lab.capture("west") as capture:
        assert lab.west.ping(EAST, count=2)
    assert idle_pair.west.eroute(WEST, EAST)["strength"] == "null"
    assert idle_pair.east.eroute(EAST, WEST)["strength"] == "null"
    assert not capture.frames().with_octets(PIECE)


def test_different_secrets_are_refused(lab, idle_pair):
    secrets(idle_pair.west, f"{WEST} {EAST} : PSK \"one\"\n")
    secrets(idle_pair.east, f"{WEST} {EAST} : PSK \"another\"\n")
    configure(idle_pair, "authby=secret")
    refuses(lab, idle_pair, "refused: the peer has another shared secret")


@pytest.mark.parametrize("left,right", [("@west.example.net", "ann@example.net"),
                                        ("@#6b6579", "@#00ff")])
def test_identities_of_every_kind(lab, idle_pair, left, right):
    for gateway in (idle_pair.west, idle_pair.east):
        secrets(gateway, f"{left} {right} : PSK \"a secret of two identities\"\n")
    configure(idle_pair, "authby=secret", f"leftid={left}", f"rightid={right}")
    carries(lab, idle_pair)


def test_a_peer_of_another_name_is_refused(lab, idle_pair):
    for gateway, name in ((idle_pair.west, "@west"), (idle_pair.east, "@wrong")):
        secrets(gateway, ": PSK \"a secret for everybody\"\n")
        gateway.configure(SETUP, TUNNEL, "\tauthby=secret\n\trightid=@east\n",
                          f"\tleftid={name}\n", **PLACES)
    refuses(lab, idle_pair, "it is not whom the conn names as its peer")


# Both gateways show certificates; east is told nothing of west but its name.
CERTIFIED = """
config setup
	interfaces=%defaultroute
	dnssec=off
	{setup}

conn tunnel
	left={west}
	leftsubnet={west_lan}
	leftid=@west.example.net
	{left}
	right={east}
	rightsubnet={east_lan}
	rightid="C=CH, O=Example, CN=east"
	{right}
	keyingtries=1
	auto=route
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki") / "root", "Root")


def place(gateway, folder, *files):
    directory = gateway.confs / "ipsec.d" / folder
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for file in files:
        shutil.copy(file, directory)


def certify(pair, root, setup="", left="", right=""):
    """A new key and certificate for each; the paths of the certificates."""
    made = []
    for gateway, name, mine, theirs in ((pair.west, "west", "left", right),
                                        (pair.east, "east", "right", left)):
        place(gateway, "private")
        host_keys(gateway, "--type ecdsa" if name == "west" else "--bits 2048", "left")
        key = next((gateway.confs / "ipsec.d" / "private").iterdir())
        made.append(root.issue(key, name, f"DNS:{name}.example.net"))
        place(gateway, "certs", made[-1])
        place(gateway, "cacerts", root.dir / "ca.pem")
        place(gateway, "crls")
        words = {"left": left, "right": right}
        words[mine] = f"{mine}cert={name}.pem"
        gateway.configure(CERTIFIED, setup=setup, **PLACES, **words)
    return made


def test_certificates_of_one_ca(lab, idle_pair, root):
    certify(idle_pair, root)
    carries(lab, idle_pair)
    assert idle_pair.west.range_of(SOURCE, DEST)["strength"] == "cert"
    assert idle_pair.east.range_of(DEST, SOURCE)["strength"] == "cert"


def test_a_revoked_certificate_is_refused(lab, idle_pair, root):
    west, _ = certify(idle_pair, root)
    root.revoke(west)
    place(idle_pair.east, "crls", root.crl())
    refuses(lab, idle_pair, "certificate of @west.example.net refused: it was revoked")


def test_a_strict_gateway_wants_a_crl(lab, idle_pair, root):
    certify(idle_pair, root, setup="strictcrlpolicy=yes")
    refuses(lab, idle_pair, "there is no CRL of its CA, and strictcrlpolicy=yes wants one")
    for gateway in (idle_pair.west, idle_pair.east):
        place(gateway, "crls", root.crl())
    carries(lab, idle_pair)


def test_a_ca_that_nobody_knows_here_is_refused(lab, idle_pair, root, tmp_path):
    other = Authority(tmp_path / "other", "Other")
    certify(idle_pair, root)
    place(idle_pair.east, "cacerts", other.dir / "ca.pem")
    refuses(lab, idle_pair, "no CA in ipsec.d/cacerts issued it")


def test_the_conn_may_name_another_ca(lab, idle_pair, root):
    certify(idle_pair, root, left='leftca="C=CH, O=Example, CN=Other"')
    refuses(lab, idle_pair, "its CA is not the one that the conn names")
    certify(idle_pair, root, left="leftca=%same")
    carries(lab, idle_pair)


def test_a_certificate_without_its_key_is_told_at_the_start(idle_pair, root):
    certify(idle_pair, root)
    shutil.copy(idle_pair.west.confs / "ipsec.d/certs/west.pem",
                idle_pair.east.confs / "ipsec.d/certs/east.pem")
    done = idle_pair.east.ipsec("checkconfig", check=False)
    assert done.returncode != 0
    assert "there is no private key" in done.stderr


@pytest.mark.parametrize("east", ["insist", "propose"])
def test_a_post_quantum_secret(lab, idle_pair, east):
    for gateway in (idle_pair.west, idle_pair.east):
        secrets(gateway, f"{WEST} {EAST} : PSK \"today's\"\n"
                         f"{WEST} {EAST} : PPK \"shared 2026\" 0x{'5a' * 32}\n")
        use = "propose" if gateway is idle_pair.west else east
        gateway.configure(SETUP, TUNNEL, f"\tauthby=secret\n\tppk={use}\n", **PLACES)
    carries(lab, idle_pair)


def test_two_post_quantum_secrets_of_one_name_are_refused(lab, idle_pair):
    for gateway, octet in ((idle_pair.west, "5a"), (idle_pair.east, "a5")):
        secrets(gateway, f"{WEST} {EAST} : PSK \"today's\"\n"
                         f"{WEST} {EAST} : PPK \"shared 2026\" 0x{octet * 32}\n")
    configure(idle_pair, "authby=secret", "ppk=insist")
    refuses(lab, idle_pair, "refused: the peer has another shared secret")
