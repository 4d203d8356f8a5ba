"""ipsec verify: what opportunism needs, looked at before anybody misses it (PUB-2)."""
import json

import pytest

from gateway import HOWTO, IPSEC, PRIVATE, SETUP
from lab import DEST, SOURCE, WEST, WEST6, reverse, until

OK, WARNING, FAILED = "ok", "warning", "failed"
RESULTS = {OK, WARNING, FAILED}
SIGNED = """
config setup
	interfaces=%defaultroute
	dns={dns}
	trust-anchor={anchor}
"""


FILTER = """
table inet admin {
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
	}
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		tcp dport 22 accept
	}
}
"""


@pytest.fixture(scope="module")
def prepared(lab, idle_pair):
    return idle_pair


@pytest.fixture
def stopped(lab, prepared):
    prepared.stop()
    prepared.publish()
    prepared.west.configure(SETUP, HOWTO)
    return prepared


def verify(gateway, *words, status=0):
    """The checks: (check, result, what and what to do) of each line; text and JSON say the same."""
    done = gateway.ipsec("verify", *words, check=False, timeout=30)
    checks = json.loads(gateway.ipsec("verify", *words, "--json", check=False, timeout=30).stdout)
    assert done.returncode == status, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(checks)
    for line, check in zip(lines, checks):
        assert check["result"] in RESULTS
        assert line.startswith(f"{check['result']:<8} {check['check']}: ")
    assert (status == 1) == any(check["result"] == FAILED for check in checks)
    return checks


def result(checks, name, about=""):
    """The one result of a check about something."""
    found = [check for check in checks if check["check"] == name and about in check["what"]]
    assert len(found) == 1, (name, about, checks)
    return found[0]


def name(address):
    return reverse(address).rstrip(".")


def test_all_is_well_before_and_after_the_start(lab, stopped):
    checks = verify(stopped.west, SOURCE)
    assert result(checks, "daemon")["result"] == WARNING
    assert result(checks, "our key", name(WEST))["result"] == OK
    assert result(checks, "delegation", name(WEST))["result"] == OK
    assert result(checks, "delegation", name(SOURCE))["result"] == OK
    assert result(checks, "our key", name(WEST6))["result"] == WARNING
    assert result(checks, "ports", "UDP 500")["what"] == "UDP 500 is free"
    assert result(checks, "trust anchor")["result"] == WARNING
    stopped.start()
    checks = verify(stopped.west, SOURCE)
    assert result(checks, "daemon")["result"] == OK
    assert result(checks, "ports", "4500")["what"] == "UDP 4500 is ours"
    assert result(checks, "our key", name(WEST))["result"] == OK
    for check in ("TUN", "nftables", "forwarding", "rp_filter", "filters", "configuration"):
        assert result(checks, check)["result"] == OK


def test_inside_hosts_in_sight_are_looked_at(lab, stopped):
    lab.source.ping("10.1.0.1", wait=2)
    assert result(verify(stopped.west), "delegation", name(SOURCE))["result"] == OK


def no_key(lab, pair):
    lab.unpublish(reverse(WEST))


def strangers_key(lab, pair):
    lab.publish(reverse(WEST), pair.east.key("--key"))


def malformed(lab, pair):
    lab.publish(reverse(WEST), '\tIN TXT "X-IPsec-Server(10)=192.0.2.1.7 AQ"\n')


@pytest.mark.parametrize("fault, check, said", [
    (no_key, "our key", "no record has a key for us"),
    (strangers_key, "our key", "the keys there are not in ipsec.secrets"),
    (malformed, "records", "1 records are malformed"),
])
def test_what_is_wrong_with_our_own_records_fails(lab, stopped, fault, check, said):
    fault(lab, stopped)
    lab.reload_dns()
    found = result(verify(stopped.west, SOURCE, status=1), check, f"{name(WEST)}: {said}")
    assert found["result"] == FAILED and "showhostkey" in found["do"]


@pytest.mark.parametrize("zone, outcome, said", [
    (None, WARNING, "no delegation (NXDOMAIN)"),
    ("198.18.3.9", WARNING, "names another gateway: 198.18.3.9"),
])
def test_an_inside_host_without_our_name_is_a_warning(lab, stopped, zone, outcome, said):
    if zone is None:
        lab.unpublish(reverse(SOURCE))
    else:
        lab.publish(reverse(SOURCE), stopped.west.key("--txt", zone))
    lab.reload_dns()
    found = result(verify(stopped.west, SOURCE), "delegation", name(SOURCE))
    assert found["result"] == outcome and said in found["what"]


def test_an_inside_host_with_our_name_and_another_key_fails(lab, stopped):
    lab.publish(reverse(SOURCE), stopped.east.key("--txt", WEST))
    lab.reload_dns()
    checks = verify(stopped.west, SOURCE, status=1)
    assert "a key that is not in ipsec.secrets" in result(checks, "delegation",
                                                         name(SOURCE))["what"]


def test_the_machine_is_looked_at(lab, stopped):
    west = stopped.west.host
    taker = west.start("python3", "-c", "import socket, time\n"
                       "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                       "s.bind(('', 500))\nprint(flush=True)\ntime.sleep(60)")
    west.nft(FILTER)
    west.sysctl(net__ipv4__ip_forward=0)
    try:
        until("the port is taken", lambda: ":500" in west.run("ss", "-uln").stdout)
        checks = verify(stopped.west, SOURCE, status=1)
    finally:
        taker.kill()
        west.run("nft", "delete", "table", "inet", "admin")
        west.sysctl(net__ipv4__ip_forward=1)
    assert result(checks, "ports", "UDP 500")["what"] == "another program has UDP 500"
    assert result(checks, "ports", "UDP 4500")["result"] == OK
    assert result(checks, "forwarding")["do"] == "sysctl -w net.ipv4.ip_forward=1"
    assert "oifname \"ipsec0\" accept" in result(checks, "filters", "chain forward")["what"]
    assert "udp dport { 500, 4500 }" in result(checks, "filters", "table inet admin drops")["do"]


def test_start_says_that_nothing_is_forwarded(lab, stopped):
    """What comes from inside hosts would be dropped by the kernel, without a word."""
    west = stopped.west.host
    west.sysctl(net__ipv4__ip_forward=0)
    try:
        said = stopped.west.start().stderr
    finally:
        west.sysctl(net__ipv4__ip_forward=1)
        stopped.west.stop()
    assert "sysctl -w net.ipv4.ip_forward=1" in said
    said = stopped.west.start().stderr
    stopped.west.stop()
    assert "is not forwarded" not in said


@pytest.mark.parametrize("hook, rule, stops", [
    ("input", "udp dport { 500, 4500 } counter drop", True),
    ("output", "udp sport 400-600 reject", True),
    ("input", "udp dport 5000 drop", False),
    ("input", "ip saddr 198.18.3.9 udp dport 500 drop", False),
    ("forward", "udp dport 500 drop", False),
    ("input", "udp dport 500 counter accept", False),
])
def test_a_rule_that_stops_ike_is_named(lab, stopped, hook, rule, stops):
    west = stopped.west.host
    west.nft(f"table inet admin {{ chain c {{\ntype filter hook {hook} priority 0;\n{rule}\n}}\n}}")
    try:
        found = [check for check in verify(stopped.west, SOURCE)
                 if check["check"] == "filters" and "table inet admin stops IKE" in check["what"]]
    finally:
        west.run("nft", "delete", "table", "inet", "admin")
    assert len(found) == stops
    assert not stops or found[0]["do"] == "take that rule out"


def test_what_is_to_be_published_can_be_printed(lab, stopped):
    """A gateway may have a key that TXT cannot hold; what verify says to publish works for any."""
    lab.unpublish(reverse(SOURCE))
    lab.reload_dns()
    todo = result(verify(stopped.west, SOURCE), "delegation", name(SOURCE))["do"]
    words = todo.partition(" ipsec ")[2].removesuffix(" prints").split()
    lab.publish(reverse(SOURCE), stopped.west.ipsec(*words).stdout)
    lab.reload_dns()
    assert "--ipseckey" in words
    assert result(verify(stopped.west, SOURCE), "delegation", name(SOURCE))["result"] == OK


def test_out_of_the_box_the_records_count_too(lab, stopped):
    """Without a conn written there is private-or-clear to everywhere."""
    stopped.west.configure(SETUP)
    checks = verify(stopped.west)
    assert result(checks, "our key", name(WEST))["result"] == OK
    assert result(checks, "delegation", name(WEST))["result"] == OK


def test_silent_name_servers_end_in_time(lab, stopped):
    stopped.west.configure(SETUP, HOWTO, dns="198.18.3.77")
    checks = verify(stopped.west, SOURCE, status=1)
    assert result(checks, "records", name(WEST))["result"] == FAILED


def test_a_configuration_that_is_not_good_fails(lab, stopped):
    stopped.west.configure(SETUP, HOWTO + "\tnonsense=1\n")
    checks = verify(stopped.west, status=1)
    assert result(checks, "configuration")["result"] == FAILED
    assert result(checks, "TUN")["result"] == OK


def test_an_anchor_that_is_not_theirs_leaves_open_what_is_signed(lab, stopped):
    anchor = lab.dir / "foreign"
    anchor.write_text(". IN DS 4711 13 2 " + "00" * 32 + "\n")
    stopped.west.configure(SIGNED, HOWTO, anchor=anchor)
    checks = verify(stopped.west, status=1)
    assert result(checks, "trust anchor")["result"] == FAILED
    assert "is not signed" not in str(checks), "nobody can know"


def test_what_a_gateway_left_behind_is_named(lab, stopped):
    stopped.west.configure(SETUP, PRIVATE)
    stopped.west.start()
    stopped.west.stop()
    [left] = [c for c in verify(stopped.west) if c["check"] == "steering"]
    assert left["result"] == WARNING and "blocked" in left["what"] and "stop --open" in left["do"]
    stopped.west.stop("--open")
    assert not [c for c in verify(stopped.west) if c["check"] == "steering"]


@pytest.mark.parametrize("before, said", [
    ("mount --bind /dev/null /usr/sbin/nft", "cannot be run"),
    ("mount -t tmpfs none /usr/sbin", "nft is missing; install"),
    ("true", "CAP_NET_ADMIN"),
])
def test_why_there_is_no_nftables_is_told(lab, stopped, before, said):
    weak = "setpriv --bounding-set -net_admin " if before == "true" else ""
    done = lab.west.run("unshare", "-m", "sh", "-c", f"{before} && {weak}{IPSEC} checkconfig",
                        check=False, env=stopped.west.env)
    assert done.returncode == 1 and said in done.stderr, done.stderr


def test_a_full_disk_keeps_no_gateway_down(lab, stopped):
    run = stopped.west.rundir
    run.mkdir(exist_ok=True)
    script = (f"mount -t tmpfs -o size=64k none {run}; dd if=/dev/zero of={run}/x bs=4k 2>/dev/null;"
              f" {IPSEC} start && {IPSEC} status; {IPSEC} stop --open")
    with open(lab.dir / "full.log", "w") as log:
        done = lab.west.run("unshare", "-m", "sh", "-c", script, stderr=log, check=False,
                            env=stopped.west.env)
    said = (lab.dir / "full.log").read_text()
    assert "is running" in done.stdout, said
    assert "wildswan.pid: No space left on device" in said


def test_signatures_are_told(lab, stopped):
    """The last one: from here on the zones are another server's."""
    anchor = lab.sign()
    (lab.dir / "anchor").write_text(anchor)
    stopped.east.configure(SIGNED, HOWTO, anchor=lab.dir / "anchor")
    checks = verify(stopped.east, DEST)
    assert result(checks, "trust anchor")["result"] == OK
    assert result(checks, "DNSSEC", name(DEST))["what"] == f"{name(DEST)} is signed"
    (lab.dir / "forged").write_text(
        anchor + "19.198.in-addr.arpa. IN DS 4711 13 2 " + "00" * 32 + "\n")
    stopped.east.configure(SIGNED, HOWTO, anchor=lab.dir / "forged")
    found = result(verify(stopped.east, DEST, status=1), "records", name(DEST))
    assert found["result"] == FAILED and "bogus" in found["what"]
