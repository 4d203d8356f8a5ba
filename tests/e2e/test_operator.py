"""What goes wrong with a configured tunnel is told where somebody looks: at once, and by its name."""
import re

import pytest

from gateway import SETUP, Gateway
from lab import EAST, EAST_LAN, WEST, WEST_LAN, until

SITES = """
conn sites
	left={left}
	leftsubnet={lan}
	right={right}
	rightsubnet={rlan}
	authby=secret
	keyingtries=1
	auto=add
"""
SECRET = ': PSK "a long random secret"\n'


@pytest.fixture(scope="module")
def bed(lab):
    gateways = Gateway(lab.west, WEST_LAN, WEST), Gateway(lab.east, EAST_LAN, EAST)
    yield gateways
    for gateway in gateways:
        gateway.ipsec("stop", "--open", check=False)


def configure(gateway, more="", secret=SECRET, left="%defaultroute", rlan=None):
    gateway.ipsec("stop", "--open", check=False)
    other = (EAST, EAST_LAN) if gateway.outer == WEST else (WEST, WEST_LAN)
    gateway.configure(SETUP, SITES, more, left=left, right=other[0], rlan=rlan or other[1])
    path = gateway.confs / "ipsec.secrets"
    path.write_text(secret)
    path.chmod(0o600)
    (gateway.dir / "wildswan.log").unlink(missing_ok=True)
    gateway.start()


def up(gateway):
    return gateway.ipsec("auto", "--up", "sites", check=False, timeout=90)


def state(gateway):
    return gateway.ipsec("auto", "--status").stdout


def test_algorithms_that_differ_are_named_on_both_sides_at_once(bed):
    west, east = bed
    configure(west, "\tike=aes256-sha256-modp2048\n")
    configure(east, "\tike=aes128gcm16-sha256-x25519\n")
    west.ipsec("auto", "--up", "sites", "--asynchronous")
    until("west says what it heard", lambda: "no common algorithms" in state(west), 3)
    assert "negotiating (no common algorithms, said without proof)" in state(west)
    assert "refused without proof, NO_PROPOSAL_CHOSEN" in west.log()
    assert "IKE_SA_INIT refused: no common algorithms, see ike=" in east.log()


def test_algorithms_of_esp_that_differ_are_named_on_both_sides(bed):
    west, east = bed
    configure(west, "\tesp=aes256-sha256\n")
    configure(east, "\tesp=aes128gcm16\n")
    assert "failed, no common algorithms" in up(west).stderr
    assert "no child for it: no common algorithms, see esp=" in east.log()
    assert "failed (no common algorithms)" in state(west)


def test_a_missing_shared_secret_is_called_so(bed):
    west, east = bed
    configure(west, secret="")
    assert re.search("warning: .*ipsec.conf:.*conn sites: no shared secret", west.log())
    assert "failed, no shared secret for its gateway in ipsec.secrets" in up(west).stderr
    assert "failed (no shared secret" in state(west)


def test_subnets_that_differ_are_said_to(bed):
    west, east = bed
    configure(west, rlan="198.19.3.0/24")
    configure(east)
    assert up(west).returncode == 1
    assert "no conn with a shared secret is for it and the addresses" in east.log()


def test_a_conn_that_is_for_others_is_told_of(bed):
    west, east = bed
    configure(west, left="192.0.2.1")
    assert "conn sites: neither left nor right is an address of this machine" in west.log()
    west.ipsec("auto", "--up", "sites", "--asynchronous")
    until("it is said again", lambda: "(neither end of the conn is an address" in state(west), 3)
