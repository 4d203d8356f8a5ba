"""No tunnel: a verdict that stands for a while and gives way, and no packet that is lost to it."""
import subprocess
import sys
import time

import pytest

from gateway import HOWTO, SETUP
from lab import DEST, PIECE, SECOND, SOURCE, STRANGER, until

IDLE = SETUP + "\tshunt-idle=3\n"
REFUSED, WRONG_WORDS = 1, 2
SINK = "import socket, time; s = socket.socket(2, 2); s.bind(('', 7777)); print(1, flush=1); time.sleep(60)"


@pytest.fixture(scope="module")
def bed(lab, idle_pair):
    idle_pair.publish()
    return idle_pair


def begin(bed, *conf):
    """West alone, anew: what it decides about east's hosts is that nobody answers there."""
    bed.stop()
    bed.west.configure(*conf)
    bed.east.configure(SETUP, HOWTO)
    bed.west.start()


def test_pass_ends(lab, bed):
    """After idle time, although the other side goes on sending; and sooner if the peer comes."""
    begin(bed, IDLE, HOWTO)
    assert lab.source.ping(STRANGER)
    row = bed.west.eroute(SOURCE, STRANGER)
    assert row["action"] == "pass" and 0 < row["expires_s"] <= 10800
    assert "if used" in row["next"] and row["next_s"] <= 3
    sink = lab.source.start(sys.executable, "-c", SINK, stdout=subprocess.PIPE)
    assert sink.stdout.readline()  # so that nothing is said about what comes in
    for _ in range(8):
        lab.stranger.forge(STRANGER, SOURCE)
        time.sleep(0.5)
    until("the pass of the stranger is gone",
          lambda: bed.west.action(SOURCE, STRANGER) is None, timeout=4)
    sink.kill()
    assert lab.source.ping(STRANGER)
    assert bed.west.action(SOURCE, STRANGER) == "pass"


def test_failure_is_not_a_wall(lab, bed):
    """Records that name a gateway which is dead: traffic passes, until it is asked again or comes."""
    begin(bed, SETUP, HOWTO)
    start = time.monotonic()
    other = lab.source.start("ping", "-c1", "-W14", SECOND)
    assert lab.source.ping(DEST, wait=14), "nobody answers there, but nothing is private either"
    assert 8 < time.monotonic() - start < 12
    assert other.wait(3) == 0
    row = bed.west.eroute(SOURCE, DEST)
    assert row["action"] == "pass" and "goes on" in row["reason"], row
    assert bed.west.action(SOURCE, SECOND) == "pass"
    bed.east.start()
    bed.west.ipsec("eroute", "--try", SOURCE, DEST)
    assert lab.source.ping(DEST, wait=1), "what stands stays until there is an answer"
    bed.west.until_action(SOURCE, DEST, "tunnel")
    assert lab.second.ping(SOURCE)
    assert bed.west.action(SOURCE, SECOND) == "tunnel", "the peer came"
    with lab.capture("west") as wire:
        assert lab.source.ping(DEST) and lab.source.ping(SECOND)
    assert not wire.frames().with_octets(PIECE)


def test_no_acquire_is_lost(lab, bed):
    """Two hundred first packets at once, decided while more of each pair arrive: all arrive."""
    begin(bed, SETUP, HOWTO)
    bed.east.start()
    lab.stranger.ip("route", "add", "local", "198.18.9.0/24", "dev", "lo")
    lab.internet.ip("route", "replace", "198.18.9.0/24", "via", STRANGER)
    try:
        sent = [f"198.18.9.{host}" for host in range(1, 201)]
        script = ("for h in $(seq 1 200); do"
                  " ping -c1 -W8 -nq 198.18.9.$h >/dev/null && echo $h & done; wait")
        answered = lab.source.run("sh", "-c", script).stdout.split()
        assert len(answered) == len(sent), sorted(set(map(str, range(1, 201))) - set(answered))
        rows = [row for row in bed.west.eroutes() if row["destination"].startswith("198.18.9.")]
        assert {row["action"] for row in rows} == {"pass"}
        assert len(rows) == len(sent)
        assert not [row for row in bed.west.eroutes() if row["action"] == "hold"]
    finally:
        lab.internet.ip("route", "del", "198.18.9.0/24")
        lab.stranger.ip("route", "del", "local", "198.18.9.0/24", "dev", "lo")


def test_eroutes_are_taken_out_by_command(lab, bed):
    begin(bed, SETUP, HOWTO)
    bed.east.start()
    assert lab.source.ping(DEST) and lab.source.ping(STRANGER)
    bed.west.ipsec("reload")
    assert bed.west.action(SOURCE, STRANGER) == "pass", "nothing that says otherwise has changed"
    bed.west.ipsec("eroute", "--del", f"{SOURCE}/32", f"{STRANGER}/32")
    assert bed.west.eroute(SOURCE, STRANGER) is None
    assert bed.west.ipsec("eroute", "--del", SOURCE, STRANGER, check=False).returncode == REFUSED
    assert bed.west.ipsec("eroute", "--del", SOURCE, check=False).returncode == WRONG_WORDS
    assert bed.west.ipsec("eroute", "--try", "10.1.0.0/24", DEST,
                          check=False).returncode == WRONG_WORDS
    assert lab.source.ping(STRANGER)
    assert bed.west.ipsec("eroute", "--clear").stdout == "2 taken out\n"
    assert bed.west.eroute(SOURCE, STRANGER) is None and bed.west.eroute(SOURCE, DEST) is None
    until("the other end has closed it too",
          lambda: bed.east.eroute(DEST, SOURCE) is None)
    assert lab.source.ping(DEST) and lab.source.ping(STRANGER)
    assert bed.west.action(SOURCE, DEST) == "tunnel"
