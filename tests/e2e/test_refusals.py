"""Nobody speaks for an address without the published key and the delegation."""
import pytest

from gateway import HOWTO, PRIVATE, SETUP
from lab import DEST, PIECE, SOURCE, WEST, reverse, until


def wrong_key(lab, pair):
    """Destination's record names east with somebody else's key."""
    other = pair.west.key("--txt", "198.18.2.1")
    lab.publish(reverse(DEST), other)
    lab.publish(reverse("198.18.2.1"), pair.west.key("--key"))


def wrong_initiator_key(lab, pair):
    """The Responder finds another key for the Initiator than the one that signs."""
    lab.publish(reverse(WEST), pair.east.key("--key"))
    lab.publish(reverse(SOURCE), pair.east.key("--txt", WEST))


def no_delegation(lab, pair):
    """Nothing says that west may speak for the Source."""
    lab.unpublish(reverse(SOURCE))


def another_gateway(lab, pair):
    """The Source's delegation names another gateway."""
    lab.publish(reverse(SOURCE), pair.west.key("--txt", "198.18.3.9"))


@pytest.fixture(scope="module")
def prepared(lab, idle_pair):
    return idle_pair


def set_up(lab, pair, fault, *conf, **words):
    pair.stop()
    pair.publish()
    fault(lab, pair)
    lab.reload_dns()
    pair.west.configure(SETUP, *conf, **words)
    pair.start()


FAULTS = [wrong_key, wrong_initiator_key, no_delegation, another_gateway]
# What each end says to `ipsec why`; None: the other end is not there to say anything.
CAUSES = {
    wrong_key: ("the peer's signature does not fit its published keys", None),
    wrong_initiator_key: ("the peer refused our authentication",
                          "came here and was refused: the peer's signature does not fit"),
    no_delegation: ("the peer may not or will not carry these addresses",
                    "came here and was refused: no TXT or IPSECKEY record at its reverse name"),
    another_gateway: ("the peer may not or will not carry these addresses",
                      "came here and was refused: no TXT or IPSECKEY record at its reverse name"),
}


def assert_causes_are_told(pair, fault):
    ours, theirs = CAUSES[fault]
    said = pair.west.json("why", DEST, "from", SOURCE)
    assert any(ours in (gateway["result"] or "") for gateway in said["gateways"]), said
    assert ours in pair.west.ipsec("why", DEST, "from", SOURCE).stdout
    if theirs is not None:
        said = pair.east.json("why", SOURCE, "from", DEST)
        assert any(theirs in (gateway["result"] or "") and gateway["address"] == WEST
                   for gateway in said["gateways"]), said


@pytest.mark.parametrize("fault", FAULTS)
def test_private_or_clear_ends_in_pass(lab, prepared, fault):
    set_up(lab, prepared, fault, HOWTO)
    with lab.capture("west") as capture:
        assert lab.source.ping(DEST, wait=12)
        # East may come back to west with a tunnel that fails too: then west asks once more.
        until("the pair passes", lambda: lab.source.ping(DEST, wait=2)
              and prepared.west.action(SOURCE, DEST) == "pass")
    assert_causes_are_told(prepared, fault)
    assert prepared.east.action(DEST, SOURCE) != "tunnel"
    assert not capture.frames().esp()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("failure", ["drop", "reject"])
def test_private_never_sends_one_packet_in_the_clear(lab, prepared, fault, failure):
    set_up(lab, prepared, fault, PRIVATE, failure=failure)
    with lab.capture("west") as capture:
        lab.source.ping(DEST, wait=1)
        prepared.west.until_action(SOURCE, DEST, failure, timeout=15)
        ping = lab.source.ping(DEST, wait=1)
    assert_causes_are_told(prepared, fault)
    assert not ping.received
    assert ("prohibited" in ping.text or "filtered" in ping.text) == (failure == "reject")
    assert not capture.frames().with_octets(PIECE)
    assert not capture.frames().naming(SOURCE)


def test_the_responder_names_the_record_that_was_missing(lab, prepared):
    set_up(lab, prepared, no_delegation, HOWTO)
    lab.source.ping(DEST, wait=12)
    assert f"may not speak for {SOURCE}: no TXT or IPSECKEY record" in prepared.east.log()
