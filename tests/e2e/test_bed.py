"""The bed itself, without wildswan: what the other tests take for granted."""
from lab import DEST, DEST6, EAST, MARKER, NSD, SECOND, SOURCE, SOURCE6, STRANGER, STRANGER6, reverse


def test_every_host_reaches_every_other(lab):
    for address in (DEST, SECOND, STRANGER, DEST6, STRANGER6):
        assert lab.source.ping(address)
    assert lab.stranger.ping(SOURCE)
    assert lab.dest.ping(SOURCE6)


def test_cleartext_shows_its_marker_and_both_addresses_to_the_internet(lab):
    with lab.capture("west") as capture:
        assert lab.source.ping(DEST, count=2)
    frames = capture.frames().between(SOURCE, DEST)
    assert len(frames) == 4
    assert len(frames.with_octets(MARKER)) == 4
    assert len(frames.naming(SOURCE)) == 4


def test_a_tcp_connection_sends_one_syn_and_all_of_its_octets(lab):
    lab.dest.serve("tcp", 7000)
    with lab.capture("east") as capture:
        said = lab.source.talk("tcp", DEST, 7000, 1_000_000)
    assert said["connected"] and said["same"], said
    assert len(capture.frames().syns()) == 1


def test_datagrams_come_back_in_order(lab):
    lab.dest.serve("udp", 7001)
    assert lab.source.talk("udp", DEST, 7001, 10)["in_order"]


def test_unbound_finds_what_nsd_serves_of_public_and_private_ranges(lab):
    for address in (SOURCE, DEST, DEST6):
        lab.publish(reverse(address), f'\tIN TXT "here is {address}"')
    lab.reload_dns()
    for address in (SOURCE, DEST, DEST6):
        assert f"here is {address}" in lab.dig(reverse(address), "TXT", host=lab.west)
    lab.unpublish(reverse(DEST))
    lab.reload_dns()
    assert lab.dig(reverse(DEST), "TXT", host=lab.east) == ""


def test_a_forged_source_arrives(lab):
    with lab.capture("west") as capture:
        lab.internet.forge(SOURCE, EAST)
        lab.internet.forge(DEST, SOURCE)
    assert capture.frames().between(DEST, SOURCE).with_octets(MARKER)


def test_the_bed_asks_nobody_outside(lab):
    assert lab.internet.ip("route", "show", "default") == ""
    assert "198.18" in lab.west.shell("cat /etc/resolv.conf")
    assert NSD not in lab.west.shell("cat /etc/resolv.conf")
