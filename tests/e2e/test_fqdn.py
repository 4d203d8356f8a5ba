"""An Initiator without a reverse map of its own: @FQDN in the Source's TXT, KEY at the name."""
import pytest

from gateway import HOWTO, SETUP
from lab import DEST, PIECE, SOURCE, WEST, reverse

NAME = "road.example.net"


@pytest.fixture(scope="module")
def road(lab, idle_pair):
    pair = idle_pair
    pair.west.configure(SETUP, HOWTO, f"\tleftid=@{NAME}\n")
    pair.publish()
    lab.unpublish(reverse(WEST))
    lab.publish(reverse(SOURCE), pair.west.key("--txt", f"@{NAME}"))
    lab.publish(f"{NAME}.", pair.west.key("--key"))
    lab.reload_dns()
    pair.start()
    return pair


def test_the_responder_finds_the_key_at_the_name(lab, road):
    with lab.capture("west") as capture:
        assert lab.source.ping(DEST)
    assert road.west.action(SOURCE, DEST) == "tunnel"
    assert road.east.eroute(DEST, SOURCE)["strength"] == "dns"
    assert not capture.frames().with_octets(PIECE)


def test_a_gateway_that_speaks_for_itself_needs_only_the_key_at_its_name(lab, road):
    assert lab.west.ping(DEST)
    assert road.west.action(WEST, DEST) == "tunnel"


def test_verify_looks_at_the_name_and_at_what_it_may_speak_for(lab, road):
    checks = road.west.json("verify", SOURCE)
    told = {(check["check"], check["what"]): check["result"] for check in checks}
    assert told["our key", f"{NAME} has it"] == "ok"
    assert told["delegation", f"{reverse(SOURCE).rstrip('.')} lets us speak for it, as "
                              f"@{NAME}"] == "ok"
