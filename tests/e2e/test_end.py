"""The daemon dies, is stopped, or its device is changed: what was private stays private."""
import time

import pytest

from gateway import HOWTO, PRIVATE, SETUP
from lab import DEST, PIECE, SECOND, SOURCE, STRANGER, WEST, until

DOWN = "\tdaemon-down=2\n"


@pytest.fixture
def west(lab, pair):
    pair.stop()
    pair.west.configure(SETUP, DOWN, HOWTO)
    pair.start()
    return pair.west


@pytest.fixture
def private_west(lab, pair):
    pair.stop()
    pair.west.configure(SETUP, DOWN, PRIVATE)
    pair.start()
    return pair.west


def test_killed_the_tunnelled_pair_stays_blocked_and_the_rest_opens_after_daemon_down(lab, west):
    assert lab.source.ping(DEST)
    with lab.capture("west") as wire:
        west.kill()
        assert not lab.source.ping(STRANGER, wait=1).received
    assert not wire.frames().naming(SOURCE)
    until("the rest passes", lambda: lab.source.ping(STRANGER, wait=1).received, timeout=6)
    with lab.capture("west") as wire:
        assert not lab.source.ping(DEST, wait=1).received
    assert not wire.frames().with_octets(PIECE)
    west.start()
    assert lab.source.ping(DEST, wait=5)
    assert west.action(SOURCE, DEST) == "tunnel"


def test_killed_a_private_conn_stays_blocked(lab, private_west):
    assert lab.source.ping(DEST)
    with lab.capture("west") as wire:
        private_west.kill()
        end = time.monotonic() + 4  # twice daemon-down
        while time.monotonic() < end:
            for address in (DEST, SECOND, STRANGER):
                assert not lab.source.ping(address, wait=1).received
    assert not wire.frames().with_octets(PIECE)
    private_west.start()
    assert lab.source.ping(SECOND, wait=5)


def test_stopped_nothing_stays_and_the_peer_is_told(lab, pair, west):
    before = lab.west.ip("rule", "show")
    assert lab.source.ping(DEST)
    with lab.capture("west") as wire:
        west.stop()
        assert {f.ike_exchange() for f in wire.frames().ike()} == {"INFORMATIONAL"}
        assert lab.source.ping(STRANGER)
    assert "wildswan" not in west.tables()
    assert "ipsec0" not in lab.west.ip("link", "show")
    assert "fwmark" in before and "fwmark" not in lab.west.ip("rule", "show")
    assert pair.east.action(DEST, SOURCE) != "tunnel"
    assert not (west.rundir / "control.sock").exists()
    assert west.stop().returncode == 0  # stopped is stopped


def test_stopped_a_private_conn_stays_blocked_until_it_is_opened(lab, private_west):
    assert lab.source.ping(DEST)
    with lab.capture("west") as wire:
        said = private_west.stop()
        assert "client-to-anyone" in said.stdout + said.stderr
        assert not lab.source.ping(DEST, wait=1).received
        assert not lab.source.ping(STRANGER, wait=1).received
    assert not wire.frames().with_octets(PIECE)
    private_west.stop("--open")
    assert "wildswan" not in private_west.tables()
    assert lab.source.ping(STRANGER)


def test_killed_in_mid_hold_nothing_leaves_and_the_next_start_negotiates(lab, pair, private_west):
    """HOLD-3: what was held dies with the daemon, and no hold of it is left for longer than 10 s."""
    pair.east.stop("--open")
    with lab.capture("west") as wire:
        assert not lab.source.ping(DEST, wait=1).received
        assert private_west.action(SOURCE, DEST) == "hold"
        private_west.kill()
        killed = time.monotonic()
        pair.east.start()
        assert not lab.source.ping(DEST, wait=1).received
        private_west.start()
        assert private_west.action(SOURCE, DEST) is None
        assert lab.source.ping(DEST, wait=5)
        assert private_west.action(SOURCE, DEST) == "tunnel"
        assert time.monotonic() - killed < 10
    assert not wire.frames().with_octets(PIECE)


def test_without_its_device_the_daemon_ends_and_nothing_leaves(lab, private_west):
    """Somebody deletes ipsec0: nothing can be carried any more, and whoever keeps services starts us
    anew."""
    assert lab.source.ping(DEST)
    pid = private_west.pid()
    with lab.capture("west") as wire:
        lab.west.ip("link", "del", "ipsec0")
        until("the daemon ended", lambda: pid not in lab.west.pids(), timeout=3)
        assert not lab.source.ping(DEST, wait=1).received
        assert "ipsec0 was removed" in private_west.log()
        private_west.start()
        assert lab.source.ping(DEST, wait=5)
    assert not wire.frames().with_octets(PIECE)


@pytest.mark.parametrize("damage", ["ip addr flush dev ipsec0", "ip addr del {west}/32 dev ipsec0",
                                    "ip link set ipsec0 down"])
def test_the_address_of_ipsec0_is_put_back(lab, west, damage):
    """Without one, or down, the kernel drops what is decrypted, and takes the trap's route as well."""
    assert lab.source.ping(DEST)
    lab.west.shell(damage.format(west=WEST))
    until("it works again", lambda: lab.source.ping(DEST, wait=1).received, timeout=3)
    assert lab.source.ping(STRANGER, wait=1)
    assert f"inet {WEST}/32" in lab.west.ip("addr", "show", "dev", "ipsec0")
    assert "put back" in west.log()


def test_without_the_inside_interface_nothing_leaves_by_the_other(lab, west):
    """Its route goes with it, and the default route leads out again, past the tunnel."""
    assert lab.source.ping(DEST)
    with lab.capture("west") as wire:
        lab.west.ip("link", "set", "lan", "down")
        assert not lab.dest.ping(SOURCE, count=3, wait=1).received
        assert "iif ipsec0 blackhole" in lab.west.ip("rule")
        lab.west.ip("rule", "del", "iif", "ipsec0", "blackhole")
        until("it was put back", lambda: "iif ipsec0 blackhole" in lab.west.ip("rule"))
        assert not lab.dest.ping(SOURCE, count=3, wait=1).received
        lab.west.ip("link", "set", "lan", "up")
    assert wire.frames().esp()
    assert not wire.frames().with_octets(PIECE)
    assert lab.source.ping(DEST, wait=5)
    west.stop("--open")
    assert "ipsec0" not in lab.west.ip("rule") + lab.west.ip("-6", "rule")


def test_a_rule_before_ours_is_told(lab, west):
    """The kernel puts a rule without a priority before all others, and what follows it never reaches
    ipsec0."""
    rule = ("from", "192.0.2.0/24", "lookup", "main")
    west.stop()
    lab.west.ip("rule", "add", *rule, "priority", "100")
    west.start()
    for priority in (100, 99):
        until("it is told", lambda: (f"rule of priority {priority} stands before ours (220)"
                                     in west.log()), timeout=3)
        if priority == 100:
            assert "priority 99" not in west.log()
            lab.west.ip("rule", "add", *rule)
    for priority in (100, 99):
        lab.west.ip("rule", "del", "priority", str(priority))
    assert west.log().count("stands before ours") == 2
    assert lab.source.ping(DEST, wait=5)
