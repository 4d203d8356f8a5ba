"""Signed zones: strength dnssec; a broken chain buys no cleartext."""
import pytest

from gateway import HOWTO
from lab import DEST, PIECE, SECOND, SOURCE, STRANGER, WEST

SIGNED = """
config setup
	interfaces=%defaultroute
	dns={dns}
	dnssec={mode}
	trust-anchor={anchor}
"""


@pytest.fixture(scope="module")
def signed(lab, idle_pair):
    """The root zone is signed; a second anchor file makes everything below 19.198 look forged."""
    idle_pair.publish()
    anchor = lab.sign()
    (lab.dir / "anchor").write_text(anchor)
    (lab.dir / "forged").write_text(
        anchor + "19.198.in-addr.arpa. IN DS 4711 13 2 " + "00" * 32 + "\n")
    return idle_pair


def start(pair, anchor, mode="prefer"):
    pair.stop()
    for gateway in (pair.west, pair.east):
        gateway.configure(SIGNED, HOWTO, anchor=pair.lab.dir / "anchor", mode=mode)
    pair.west.configure(SIGNED, HOWTO, anchor=pair.lab.dir / anchor, mode=mode)
    pair.start()


@pytest.mark.parametrize("mode", ["prefer", "require"])
def test_signed_records_make_a_tunnel_of_strength_dnssec(lab, signed, mode):
    start(signed, "anchor", mode)
    with lab.capture("west") as wire:
        assert lab.west.ping(DEST, wait=5)
    assert signed.west.eroute(WEST, DEST)["strength"] == "dnssec"
    assert signed.east.eroute(DEST, WEST)["strength"] == "dnssec"
    assert not wire.frames().with_octets(PIECE)


def test_a_private_range_is_never_better_than_unsigned(lab, signed):
    """Nobody can sign 10/8 for everybody: what the Responder learns of a Source there is weak."""
    start(signed, "anchor")
    assert lab.source.ping(DEST, wait=5)
    assert signed.west.eroute(SOURCE, DEST)["strength"] == "dnssec"
    assert signed.east.eroute(DEST, SOURCE)["strength"] == "dns"


def test_a_signed_absence_passes(lab, signed):
    start(signed, "anchor")
    assert lab.source.ping(STRANGER, wait=5)
    assert signed.west.action(SOURCE, STRANGER) == "pass"


def test_forged_answers_end_in_drop_although_the_conn_is_private_or_clear(lab, signed):
    start(signed, "forged")
    with lab.capture("west") as wire:
        for address in (DEST, SECOND):
            assert not lab.source.ping(address, wait=1).received
            signed.west.until_action(SOURCE, address, "drop", timeout=10)
            assert not lab.source.ping(address, wait=1).received
    assert not wire.frames().with_octets(PIECE)
    assert lab.source.ping(STRANGER, wait=5)
