"""Roles belong to one negotiation: either gateway may begin, and gateways have traffic of their own."""
from lab import DEST, EAST, PIECE, SECOND, SOURCE, STRANGER, WEST, reverse


def test_the_other_gateway_initiates(lab, pair):
    with lab.capture("west") as capture:
        assert lab.dest.ping(SOURCE)
    inits = capture.frames().ike().select(lambda frame: frame.ike_exchange() == "IKE_SA_INIT")
    assert inits[0].source == EAST
    assert pair.east.action(DEST, SOURCE) == "tunnel"
    assert pair.west.action(SOURCE, DEST) == "tunnel"
    assert not capture.frames().with_octets(PIECE)


def test_a_client_behind_the_responder_answers_over_the_ike_sa_that_its_peer_made(lab, pair):
    with lab.capture("west") as capture:
        assert lab.source.ping(SECOND)
    exchanges = {frame.ike_exchange() for frame in capture.frames().ike()}
    assert exchanges == {"CREATE_CHILD_SA"}


def test_both_sides_at_once_lose_nothing(lab, pair):
    pair.restart()
    lab.source.start("ping", "-c", "1", DEST)
    assert lab.dest.ping(SOURCE)
    assert lab.source.ping(DEST, count=3)
    assert pair.west.action(SOURCE, DEST) == pair.east.action(DEST, SOURCE) == "tunnel"


def test_a_gateway_speaks_for_itself_without_a_txt_record_of_its_own(lab, pair):
    """HowTo: where Source and Initiator are one, no TXT is fetched; its KEY is enough."""
    lab.publish(reverse(WEST), pair.west.key("--key"))
    lab.reload_dns()
    pair.restart()
    with lab.capture("west") as capture:
        assert lab.west.ping(DEST)
    assert pair.west.action(WEST, DEST) == "tunnel"
    assert pair.east.action(DEST, WEST) == "tunnel"
    assert not capture.frames().with_octets(PIECE)


def test_two_gateways_speak_for_themselves(lab, pair):
    assert lab.west.ping(EAST, count=2)
    assert pair.west.action(WEST, EAST) == "tunnel"


def test_a_gateway_reaches_a_stranger_in_the_clear(lab, pair):
    assert lab.west.ping(STRANGER, count=2)
    assert pair.west.action(WEST, STRANGER) == "pass"
