"""Policy groups between two hosts, and for hosts behind them, with real name servers."""
import re
import time

import pytest

from gateway import SETUP
from lab import (DEST, EAST, EAST6, NSD, PIECE, SECOND, SOURCE, STRANGER, UNBOUND, WEST, WEST6, reverse,
                 until)

# A file that has conns, so that nothing is out of the box.
NO_DEFAULT = "conn %default\n"
NET = """
conn {name}-net
	left=%defaultroute
	leftsubnet={lan}
	right={right}
	{words}
	auto=route
"""


def put(gateway, **files):
    """The files of policies, and no others: private_or_clear="..." is the file private-or-clear."""
    policies = gateway.confs / "ipsec.d" / "policies"
    policies.mkdir(parents=True, exist_ok=True)
    for old in policies.iterdir():
        old.unlink()
    for name, text in files.items():
        (policies / name.replace("_", "-")).write_text(text)


def reread(gateway, **files):
    put(gateway, **files)
    gateway.ipsec("auto", "--rereadgroups")


@pytest.fixture(scope="module")
def hosts(lab, idle_pair):
    """The two gateways as hosts of their own: no conn, each in no group of the other's."""
    idle_pair.publish()
    for gateway, outer, outer6 in ((idle_pair.west, WEST, WEST6), (idle_pair.east, EAST, EAST6)):
        gateway.configure(SETUP, NO_DEFAULT)
        put(gateway)
        for address in (outer, outer6):
            lab.publish(reverse(address), gateway.key("--key"), gateway.key("--txt", address))
    lab.reload_dns()
    idle_pair.start()
    return idle_pair


# What becomes of west's ping and of east's answer: T by tunnel, C in the clear, - not at all.
CELLS = [
    ("private", "private", "TT"),
    ("private", "clear-or-private", "TT"),
    ("private-or-clear", "private", "TT"),
    ("private-or-clear", "clear-or-private", "TT"),
    ("clear-or-private", "private-or-clear", "CT"),
    ("clear", "clear-or-private", "CC"),
    ("private-or-clear", "clear", "CC"),
    ("private", "clear", "--"),
    ("clear", "private", "C-"),
    ("clear-or-private", "block", "C-"),
    ("block", "private", "--"),
]


@pytest.mark.parametrize("ours,theirs,want", CELLS)
def test_a_group_meets_a_group(lab, hosts, ours, theirs, want):
    hosts.west.stop("--open")
    hosts.east.stop("--open")
    put(hosts.west, **{ours: "198.18.2.0/24\n"})
    put(hosts.east, **{theirs: "198.18.1.0/24\n"})
    hosts.start()
    with lab.capture("west") as capture:
        ping = lab.west.ping(EAST, wait=3 if want[1] != "-" else 1)
    frames = capture.frames().between(WEST, EAST)
    marked = frames.with_octets(PIECE)
    assert bool(ping) == (want[1] != "-")
    assert bool(frames.esp()) == ("T" in want)
    assert len(marked) == want.count("C")
    assert (hosts.west.action(WEST, EAST) == "tunnel") == (want[1] == "T")


def test_out_of_the_box_everything_is_private_or_clear(lab, hosts):
    """POL-4: no conn written; the name server is clear, the Destination protected, the stranger not."""
    hosts.stop()
    for gateway in (hosts.west, hosts.east):
        gateway.configure(SETUP)
        put(gateway)
    hosts.start()
    with lab.capture("west") as capture:
        assert lab.west.ping(EAST) and lab.west.ping(STRANGER)
    assert hosts.west.action(WEST, EAST) == "tunnel"
    assert hosts.west.action(WEST, STRANGER) == "pass"
    assert hosts.west.range_of(WEST, UNBOUND)["action"] == "pass"
    assert not capture.frames().between(WEST, EAST).with_octets(PIECE)
    for gateway in (hosts.west, hosts.east):
        gateway.configure(SETUP, NO_DEFAULT)


def test_rereading_applies_at_once(lab, hosts):
    """POL-5: what was clear is dropped, a tunnel that is forbidden goes at both ends, one that is not
    stays."""
    hosts.stop()
    put(hosts.west, private_or_clear="0.0.0.0/0\n")
    put(hosts.east, private_or_clear="0.0.0.0/0\n")
    hosts.start()
    assert lab.west.ping(EAST) and lab.west.ping(STRANGER)
    tunnel = hosts.west.eroute(WEST, EAST)["said"]
    reread(hosts.west, private="0.0.0.0/0\n", clear=f"{NSD}/31\n")
    assert not lab.west.ping(STRANGER, wait=1)
    assert lab.west.ping(EAST) and hosts.west.eroute(WEST, EAST)["said"] == tunnel
    reread(hosts.west, block=f"{EAST}\n", clear="0.0.0.0/0\n")
    assert lab.west.ping(STRANGER, wait=1)
    assert not lab.west.ping(EAST, wait=1)
    until("both ends closed it", lambda: hosts.west.action(WEST, EAST) == "drop"
          and hosts.east.action(EAST, WEST) != "tunnel")
    reread(hosts.west, clear=f"{EAST}\n")
    assert lab.west.ping(EAST, wait=1)


@pytest.mark.parametrize("bad", ["198.18.3.300", "198.18.3.9 tpc", "198.18.3.9 tcp 99999", "x y z w",
                                 "\0", "198.18.2.1"])
def test_one_bad_line_refuses_all_and_the_running_table_stays(lab, hosts, bad):
    reread(hosts.west, private_or_clear="0.0.0.0/0\n", block=f"{STRANGER}\n")
    before = hosts.west.ipsec("auto", "--status").stdout
    put(hosts.west, private=f"# ours\n{EAST}\n", clear=f"0.0.0.0/0\n{bad}\n")
    if bad == EAST:
        message = rf"policies/clear:2: .*also in .*policies/private:2"
    else:
        message = r"policies/clear:2: "
    for words in (["auto", "--rereadgroups"], ["reload"], ["checkconfig"]):
        done = hosts.west.ipsec(*words, check=False)
        assert done.returncode == 1 and re.search(message, done.stderr), (words, done.stderr)
    assert hosts.west.ipsec("auto", "--status").stdout == before
    assert not lab.west.ping(STRANGER, wait=1)


def test_a_start_with_a_bad_file_protects_what_it_can(lab, hosts):
    hosts.stop()
    put(hosts.west, private=f"{EAST}\n198.18.300.1\n", clear=f"{STRANGER}\n", private_or_clear="0.0.0.0/0\n")
    put(hosts.east, private_or_clear="0.0.0.0/0\n")
    hosts.east.start()
    done = hosts.west.start(check=False)
    assert done.returncode == 1 and "policies/private:2: " in done.stderr
    status = hosts.west.ipsec("status").stdout
    assert "MAKESHIFT" in status and "policies/private:2: " in status
    assert lab.west.ping(EAST) and hosts.west.action(WEST, EAST) == "tunnel"
    assert lab.west.ping(STRANGER, wait=1)
    began = time.monotonic()
    with lab.capture("west") as capture:
        lab.west.ping("198.18.2.254", wait=1)
        assert hosts.west.action(WEST, "198.18.2.254") == "hold"
        hosts.west.until_action(WEST, "198.18.2.254", "drop", timeout=14)
    assert 9 < time.monotonic() - began < 13
    assert not capture.frames().between(WEST, "198.18.2.254").with_octets(PIECE)
    reread(hosts.west, private=f"{EAST}\n", private_or_clear="0.0.0.0/0\n")
    assert "MAKESHIFT" not in hosts.west.ipsec("status").stdout
    assert lab.west.ping("198.18.2.254") and hosts.west.action(WEST, EAST) == "tunnel"


def test_names_are_resolved_and_the_unknown_ones_told(lab, hosts):
    """POL-6"""
    lab.publish("partner.example.net.", f"partner.example.net. A {STRANGER}")
    lab.reload_dns()
    reread(hosts.west, block="partner.example.net\nnobody.example.net\n", clear="0.0.0.0/0\n")
    until("the name counts", lambda: not lab.west.ping(STRANGER, wait=1))
    assert hosts.west.range_of(WEST, STRANGER)["action"] == "drop"
    assert {"group": "block", "name": "nobody.example.net"} in hosts.west.json("status")["unresolved"]
    assert "group block: nobody.example.net has no address (NXDOMAIN)" in hosts.west.log()


def test_http_may_pass_where_telnet_may_not(lab, hosts):
    reread(hosts.west, private="198.18.3.0/24\n", clear="198.18.3.0/24 tcp 80\n198.18.3.0/24 udp 53\n")
    servers = [lab.stranger.serve("tcp", port) for port in (80, 23)]
    with lab.capture("west") as capture:
        assert lab.west.talk("tcp", STRANGER, 80)["same"]
        telnet = ["timeout", 2, "bash", "-c", f"echo > /dev/tcp/{STRANGER}/23"]
        assert lab.west.run(*telnet, check=False).returncode != 0
        assert not lab.west.ping(STRANGER, wait=1)
    for server in servers:
        server.terminate()
    rows = {(row["conn"], row["traffic"]) for row in hosts.west.eroutes()}
    assert {("clear", "tcp 80"), ("clear", "udp 53"), ("private", None)} <= rows
    assert re.search(r"198.18.3.0/24 +=> %pass  \(tcp 80\)", hosts.west.ipsec("eroute").stdout)
    frames = capture.frames().between(WEST, STRANGER)
    assert {frame.destination_port for frame in frames.select(lambda f: f.source == WEST)} == {80}


def test_ten_thousand_entries_load_in_a_moment(lab, hosts):
    bogons = "".join(f"100.{64 + i // 256}.{i % 256}.0/25\n" for i in range(10000))

    def took(block):
        put(hosts.west, block=block, private_or_clear="0.0.0.0/0\n")
        began = time.monotonic()
        hosts.west.ipsec("auto", "--rereadgroups", timeout=30)
        return time.monotonic() - began

    times = [took(bogons + f"{STRANGER}\n")]
    assert not lab.west.ping(STRANGER, wait=1) and lab.west.ping(EAST)
    times.append(took(bogons))
    assert lab.west.ping(STRANGER)
    times.append(took(bogons + f"{STRANGER}\n"))
    assert not lab.west.ping(STRANGER, wait=1)
    times.append(took(""))
    assert lab.west.ping(STRANGER)
    assert max(times) < 4, times  # half a second where nothing else runs


def test_groups_for_hosts_behind_a_gateway(lab, hosts):
    """POL-3: a group with leftsubnet is for them; an address of our own never traps."""
    hosts.stop()
    hosts.west.configure(SETUP, NO_DEFAULT, NET, name="private", right="%opportunisticgroup",
                         words="failureshunt=drop")
    hosts.east.configure(SETUP, NO_DEFAULT, NET, name="open", right="%opportunisticgroup", words="")
    put(hosts.west, private_net=f"{DEST}\n{SECOND}\n{SOURCE}\n10.1.0.1\n{WEST}\n")
    put(hosts.east, open_net="10.1.0.0/24\n")
    hosts.start()
    with lab.capture("west") as capture:
        assert lab.source.ping(DEST) and lab.source.ping(STRANGER)
        assert lab.source.ping("10.1.0.1") and lab.source.ping(WEST)
    assert hosts.west.action(SOURCE, DEST) == "tunnel"
    assert not capture.frames().between(SOURCE, DEST).with_octets(PIECE)
    assert capture.frames().between(SOURCE, STRANGER).with_octets(PIECE)


def test_a_group_that_is_deleted_answers_nobody(lab, hosts):
    """A conn like any other to ipsec auto."""
    hosts.stop()
    hosts.west.configure(SETUP, NO_DEFAULT)
    hosts.east.configure(SETUP, NO_DEFAULT)
    put(hosts.west, private_or_clear=f"{EAST}\n")
    put(hosts.east, clear_or_private="0.0.0.0/0\n")
    hosts.start()
    hosts.east.ipsec("auto", "--delete", "clear-or-private")
    assert lab.west.ping(EAST) and hosts.west.action(WEST, EAST) == "pass"
    hosts.east.ipsec("auto", "--add", "clear-or-private")
    hosts.west.restart()
    assert lab.west.ping(EAST) and hosts.west.action(WEST, EAST) == "tunnel"
