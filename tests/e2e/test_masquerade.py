"""Clients whose address the gateway translates, reached in the clear by the administrator's rule."""
import pytest

from lab import SOURCE, STRANGER, WEST, reverse

MASQUERADE = """
table ip admin {
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 10.1.0.0/24 oifname "wan" masquerade
	}
}
"""


@pytest.fixture(scope="module")
def masqueraded(lab, idle_pair):
    pair = idle_pair
    pair.publish()
    lab.unpublish(reverse(SOURCE))
    lab.reload_dns()
    lab.west.nft(MASQUERADE)
    lab.internet.ip("route", "delete", "10.1.0.0/24")
    pair.start()
    return pair


def test_a_stranger_is_reached_in_the_clear_as_the_gateway(lab, masqueraded):
    lab.stranger.serve("tcp", 7000)
    with lab.capture("stranger") as there:
        said = lab.source.talk("tcp", STRANGER, 7000, 10_000)
        assert lab.source.ping(STRANGER, count=2)
    assert said["same"], said
    assert said["connect_ms"] < 900
    assert {frame.source for frame in there.frames().syns()} == {WEST}
