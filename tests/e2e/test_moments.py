"""The kernel shows sets of ranges a moment after the rest of a transaction: nothing gets out then.

Kernel 6.18 does so for new tables only; older ones also for rows that change, which `change` is for.
"""
import contextlib
import re
import subprocess
import sys

import pytest

from lab import BUILD, HERE, SECOND, SOURCE, WEST, WEST_LAN, until
from test_steering import Bare, Steering

STREAM = BUILD / "tests" / "e2e" / "stream"
RATE = 20000
# Each of a local range of its own, so that they are in sets of two ranges, and that these take time.
MANY = 1200


@pytest.fixture(scope="module")
def bare():
    with Bare() as bed:
        yield bed


@contextlib.contextmanager
def steered(bare, action, many=MANY):
    """West with one row that matters and many others, and who counts what leaves it."""
    west = bare.west
    rows = [WEST_LAN, SECOND, action]
    for i in range(many):
        rows += [f"10.9.{i // 250}.{i % 250}", "0.0.0.0/0", action]
    west.steering = Steering(west, *rows, "--", WEST_LAN)
    west.nft(f"""table inet seen {{
        counter left {{ }}
        chain c {{ type filter hook postrouting priority 300
            ip saddr {SOURCE} ip daddr {SECOND} oifname "wan" counter name left
        }}
        }}""")
    tun = west.start(sys.executable, "-B", HERE / "tun.py", "ipsec0", "1500", WEST,
                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert tun.stdout.readline() == "ready\n"
    west.steering.tell("routes", "up")
    west.steering.tell("open")
    west.steering.tell("beat", "on")
    try:
        yield west
    finally:
        west.steering.text("down")
        west.steering.tell("routes", "down")
        west.steering.stop()
        tun.kill()
        tun.wait()
        west.nft("flush ruleset\n")


def left(west):
    return int(re.search(r"packets (\d+)", west.shell("nft list counter inet seen left")).group(1))


@contextlib.contextmanager
def stream(bare):
    """Datagrams all the time, of a pair that must not leave; a busy machine does not hold them up."""
    sender = bare.source.start("chrt", "-f", "1", STREAM, "send", SECOND, 9, RATE, 4000000)
    yield
    assert sender.poll() is None  # it outlasted what was done
    sender.kill()
    sender.wait()


def load(west):
    """As `ipsec start` does, whether or not a table is there."""
    west.nft(west.steering.text("text"))
    west.nft("flush set inet wildswan replacing\n")


def take_over(west):
    west.steering.tell("open")
    west.steering.tell("beat", "on")


def start_anew(west):
    west.steering.tell("close")
    load(west)
    take_over(west)


def stop_and_start(west):
    west.steering.text("down", "keep")
    west.steering.tell("close")
    load(west)
    take_over(west)


def stop_a_dead_one(west):
    west.steering.tell("close")
    west.nft(west.steering.text("leftover"))
    west.nft("flush set inet wildswan replacing\n")
    load(west)
    take_over(west)


def restored(west):
    return sum("restored: nftables" in line for line in west.steering.log)


def put_back(west):
    west.steering.tell("policy")
    before = restored(west)
    west.shell("nft add element inet wildswan drop4 '{ 192.0.2.9 . 192.0.2.10 }'")
    until("it was put back", lambda: restored(west) > before)


def change(west):
    for rows in (MANY - 30, MANY + 1):
        west.steering.tell("rows", rows)


@pytest.mark.parametrize("action, happens", [
    ("private", start_anew), ("private", stop_and_start), ("private", stop_a_dead_one),
    ("private", put_back), ("private", change),
    ("drop", start_anew), ("drop", put_back), ("drop", change),
    ("tunnel", put_back), ("tunnel", change),
], ids=lambda x: x if isinstance(x, str) else x.__name__)
def test_nothing_gets_out_in_the_moment_of(bare, action, happens):
    with steered(bare, action) as west, stream(bare):
        for _ in range(3):
            happens(west)
        assert left(west) == 0


def test_nothing_of_a_pair_with_a_tunnel_gets_out_when_the_table_is_put_back(bare):
    """Also where the group would let it pass without one."""
    with steered(bare, "trap") as west:
        west.steering.pair(SOURCE, SECOND, "tunnel")
        with stream(bare):
            for _ in range(12):
                put_back(west)
            assert left(west) == 0


# The counter counts.
def test_what_passes_is_seen(bare):
    with steered(bare, "pass", many=1) as west, stream(bare):
        until("some left", lambda: left(west) > 0)
