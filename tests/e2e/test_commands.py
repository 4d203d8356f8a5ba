"""The `ipsec` command against a running gateway: exit statuses, reload, add and route."""
import fcntl
import os
import re
import subprocess

import pytest

from gateway import HOWTO, IPSEC, SETUP
from lab import DEST, SECOND, SOURCE, STRANGER, until

REFUSED, WRONG_WORDS, NOT_RUNNING = 1, 2, 3


def status_of(gateway, *words):
    return gateway.ipsec(*words, check=False).returncode


def test_stopped_everything_that_asks_the_daemon_says_not_running(idle_pair):
    for words in (["status"], ["eroute"], ["reload"], ["auto", "--status"],
                  ["auto", "--up", "sg-to-anyone"]):
        done = idle_pair.west.ipsec(*words, check=False)
        assert done.returncode == NOT_RUNNING, words
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_nobody_but_root_can_hold_up_a_start(idle_pair):
    """Whoever may read a directory may lock it, and everybody may read /etc."""
    directory = os.open(idle_pair.west.confs, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        assert idle_pair.west.start().returncode == 0
    finally:
        os.close(directory)
    assert os.stat(f"{idle_pair.west.rundir}.lock").st_mode & 0o777 == 0o600
    idle_pair.west.stop("--open")


def test_a_stop_waits_for_the_start_that_is_under_way(idle_pair):
    """It would take out the steering that the start has just put in place."""
    west = idle_pair.west
    west.start()
    west.kill()
    with open(f"{west.rundir}.lock", "w") as start:
        fcntl.flock(start, fcntl.LOCK_EX)
        stop = west.host.start(IPSEC, "stop", "--open", env=west.env)
        with pytest.raises(subprocess.TimeoutExpired):
            stop.wait(1)
        assert "wildswan" in west.tables()
    assert stop.wait(5) == 0
    assert "wildswan" not in west.tables()


def test_start_and_stop_may_be_said_twice(pair):
    assert pair.west.start().returncode == 0
    assert status_of(pair.east, "stop") == status_of(pair.east, "stop") == 0
    pair.east.start()


def test_another_run_directory_leaves_the_running_gateway_alone(lab, pair):
    """Neither start nor stop finds a daemon there, and what it finds is no wreck."""
    assert lab.source.ping(DEST, wait=5)
    here = pair.west.host.shell("nft -a list table inet wildswan | grep -c handle")
    handle = pair.west.host.shell("nft -a list tables")
    for words in (["start"], ["start", "--steering"], ["stop"], ["stop", "--open"]):
        done = pair.west.host.run(IPSEC, *words, check=False, env={
            **pair.west.env, "IPSEC_RUNDIR": str(pair.west.dir / "elsewhere")})
        assert done.returncode == REFUSED, words
        assert "IPSEC_RUNDIR" in done.stderr, done.stderr
        assert pair.west.host.shell("nft -a list tables") == handle, words
    assert pair.west.host.shell("nft -a list table inet wildswan | grep -c handle") == here
    assert "put back" not in pair.west.log()
    assert lab.source.ping(DEST)


def test_wrong_words_are_two(pair):
    for words in (["frobnicate"], ["auto"], ["auto", "--up"], ["eroute", "--frob"]):
        assert status_of(pair.west, *words) == WRONG_WORDS, words


def test_the_files_of_the_run_directory(pair):
    names = {path.name for path in pair.west.rundir.iterdir()}
    assert {name for name in names if name.endswith(".pid")} == {"wildswan.pid"}
    assert (pair.west.rundir / "control.sock").stat().st_mode & 0o777 == 0o600


def test_the_daemon_is_not_root(pair):
    status = open(f"/proc/{pair.west.pid()}/status").read()
    uids = set(re.search(r"Uid:\s+(.*)", status).group(1).split())
    assert "0" not in uids and "65534" not in uids


def test_the_table_is_the_howtos(lab, pair):
    assert lab.source.ping(STRANGER)
    lines = pair.west.ipsec("eroute").stdout.splitlines()
    assert any(re.fullmatch(r"\d+ {1,9} 10\.1\.0\.0/24 {7} -> 0\.0\.0\.0/0 {9} => %trap", line)
               for line in lines), lines
    assert any(re.fullmatch(rf"1 {{9}} {SOURCE}/32 {{7}} -> {STRANGER}/32 {{5}} => %pass", line)
               for line in lines), lines


def test_what_is_configured_so_has_no_age(pair):
    assert {row["age_s"] for row in pair.west.eroutes() if row["reason"] == "configured"} == {None}


def test_every_listing_is_json_too(pair):
    for words in (["eroute"], ["status"], ["look"], ["auto", "--status"]):
        assert pair.west.json(*words) is not None


def test_a_reload_with_an_error_keeps_the_running_configuration(lab, pair):
    assert lab.source.ping(DEST)
    pair.west.configure(SETUP, HOWTO.replace("{lan}", "10.1.2.3.0/24"))
    done = pair.west.ipsec("reload", check=False)
    assert done.returncode == REFUSED
    assert re.search(r"ipsec.conf:\d+: leftsubnet=10.1.2.3.0/24: .*four numbers", done.stderr)
    assert pair.west.action(SOURCE, DEST) == "tunnel"
    pair.west.configure(SETUP, HOWTO)
    assert status_of(pair.west, "checkconfig") == status_of(pair.west, "reload") == 0
    assert lab.source.ping(DEST)


def test_a_reload_says_what_only_a_new_start_changes(pair):
    assert pair.west.ipsec("reload").stderr == ""
    pair.west.configure(SETUP, "\tdaemon-down=7\n", HOWTO)
    said = pair.west.ipsec("reload").stderr
    assert "daemon-down= has changed; ipsec stop and ipsec start" in said
    pair.west.configure(SETUP, HOWTO)
    pair.west.ipsec("reload")


def test_unroute_lets_go_and_route_traps_again(lab, pair):
    pair.west.ipsec("auto", "--unroute", "client-to-anyone")
    traps = [row["source"] for row in pair.west.eroutes() if row["action"] == "trap"]
    assert "10.1.0.0/24" not in traps
    assert lab.source.ping(SECOND)
    pair.west.ipsec("auto", "--route", "client-to-anyone")
    traps = [row["source"] for row in pair.west.eroutes() if row["action"] == "trap"]
    assert "10.1.0.0/24" in traps
    assert lab.source.ping(SECOND)
    assert pair.west.action(SOURCE, SECOND) == "tunnel"


def test_delete_and_add_of_a_conn(pair):
    pair.west.ipsec("auto", "--delete", "client-to-anyone")
    assert status_of(pair.west, "auto", "--route", "client-to-anyone") == REFUSED
    pair.west.ipsec("auto", "--add", "client-to-anyone")
    pair.west.ipsec("auto", "--route", "client-to-anyone")


def test_add_and_replace_take_one_conn_from_the_files_as_they_are_now(lab, pair):
    """An edited file needs no reload, and what was done to other conns by command stays."""
    pair.west.ipsec("auto", "--unroute", "client-to-anyone")
    pair.west.configure(SETUP, HOWTO, "conn wall\n\ttype=reject\n\tleft=%defaultroute\n"
                                      f"\tleftsubnet=10.1.0.0/24\n\tright={SECOND}\n")
    assert status_of(pair.west, "auto", "--route", "wall") == REFUSED
    pair.west.ipsec("auto", "--add", "wall")
    pair.west.ipsec("auto", "--route", "wall")
    assert not lab.source.ping(SECOND, wait=1)
    traps = [row["source"] for row in pair.west.eroutes() if row["action"] == "trap"]
    assert "10.1.0.0/24" not in traps
    pair.west.configure(SETUP, HOWTO, "conn wall\n\ttype=passthrough\n\tleft=%defaultroute\n"
                                      f"\tleftsubnet=10.1.0.0/24\n\tright={SECOND}\n")
    pair.west.ipsec("auto", "--replace", "wall")
    pair.west.ipsec("auto", "--route", "wall")
    until("the conn passes", lambda: lab.source.ping(SECOND, wait=1))
    pair.west.configure(SETUP, HOWTO)
    assert status_of(pair.west, "auto", "--add", "wall") == REFUSED
    pair.west.ipsec("auto", "--delete", "wall")
    pair.west.ipsec("auto", "--route", "client-to-anyone")


@pytest.mark.parametrize("text", ["\tinterface=%defaultroute\n"])
def test_start_with_a_wrong_configuration_says_what_to_write(pair, text):
    pair.east.stop("--open")
    (pair.east.confs / "ipsec.conf").write_text("config setup\n" + text)
    done = pair.east.start(check=False)
    assert done.returncode == REFUSED
    assert "interfaces" in done.stderr
    pair.east.configure(SETUP, HOWTO)
    pair.east.start()
