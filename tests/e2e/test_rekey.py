"""SAs are replaced under traffic, and not one packet is lost."""
import json
import re
import subprocess

import pytest

from gateway import SETUP
from lab import BUILD, DEST, EAST, EAST_LAN, SOURCE, WEST, WEST_LAN

STREAM = BUILD / "tests" / "e2e" / "stream"
RATE, SECONDS = 10000, 13

TUNNEL = """
conn tunnel
	left={west}
	leftsubnet={west_lan}
	right={east}
	rightsubnet={east_lan}
	authby=secret
	{life}
	auto=route
"""
BY_TIME = "keylife=5\n\tikelifetime=13\n\trekeymargin=2\n\trekeyfuzz=20%"
BY_PACKETS = "lifepackets=5k"
UNRENEWED = "lifepackets=1k\n\trekey=no"  # and an eighth
PLACES = {"west": WEST, "east": EAST, "west_lan": WEST_LAN, "east_lan": EAST_LAN}


@pytest.fixture
def tunnel(lab, idle_pair, request):
    idle_pair.stop()
    for gateway in (idle_pair.west, idle_pair.east):
        path = gateway.confs / "ipsec.secrets"
        path.write_text(f'{WEST} {EAST} : PSK "again and again"\n')
        path.chmod(0o600)
        gateway.configure(SETUP, TUNNEL, life=request.param, **PLACES)
    idle_pair.start()
    for host in (lab.west, lab.east):
        # A machine under load lets a queue of 500 run over; that is not what is tested.
        host.ip("link", "set", "ipsec0", "txqueuelen", "20000")
    assert lab.source.ping(DEST)
    return idle_pair


def receive(host, port):
    process = host.start(STREAM, "receive", port, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def overrun(host):
    """Packets that this machine could not keep up with: full queues of sockets and devices."""
    snmp = host.run("cat", "/proc/net/snmp").stdout
    names, values = [line.split()[1:] for line in snmp.splitlines() if line.startswith("Udp:")]
    links = json.loads(host.run("ip", "-j", "-s", "link").stdout)
    return (int(dict(zip(names, values))["RcvbufErrors"]) +
            sum(link["stats64"][way]["dropped"] for link in links for way in ("rx", "tx")))


def rekeys(gateway):
    """How many of CHILD SAs and of IKE SAs."""
    log = gateway.log()
    return (len(re.findall(r"ike .*: child esp0x", log)) - 1,
            len(re.findall(r"ike .*: rekeyed, ", log)))


@pytest.mark.parametrize("tunnel", [BY_TIME], indirect=True, ids=["by_time"])
def test_ten_thousand_packets_a_second_go_through_rekeys_of_both_kinds(lab, tunnel):
    """RKY-3: and a tenth of that comes back."""
    hosts = (lab.source, lab.west, lab.internet, lab.east, lab.dest)
    there, back = receive(lab.dest, 7001), receive(lab.source, 7002)
    sending = [lab.source.start(STREAM, "send", DEST, 7001, RATE, RATE * SECONDS),
               lab.dest.start(STREAM, "send", SOURCE, 7002, RATE // 10, RATE // 10 * SECONDS)]
    for process in sending:
        assert process.wait(timeout=SECONDS * 4) == 0
    results = [json.loads(process.communicate(timeout=10)[0]) for process in (there, back)]
    for host in hosts:  # what a failure needs to be understood: full queues of the machine
        print(host.name, overrun(host))
    assert results == [
        {"received": RATE * SECONDS, "lost": 0, "doubled": 0, "first_lost": -1},
        {"received": RATE // 10 * SECONDS, "lost": 0, "doubled": 0, "first_lost": -1}]
    for gateway in (tunnel.west, tunnel.east):
        children, ikes = rekeys(gateway)
        assert children >= 3 and ikes >= 1


@pytest.mark.parametrize("tunnel", [BY_PACKETS], indirect=True, ids=["by_packets"])
def test_keys_end_by_what_they_carried(lab, tunnel):
    """Of an hour 3 s pass, but packets for several lives."""
    receiving = receive(lab.dest, 7003)
    sending = lab.source.start(STREAM, "send", DEST, 7003, 5000, 15000)
    assert sending.wait(timeout=20) == 0
    result = json.loads(receiving.communicate(timeout=10)[0])
    assert (result["received"], result["lost"]) == (15000, 0)
    assert rekeys(tunnel.west)[0] >= 2


@pytest.mark.parametrize("tunnel", [UNRENEWED], indirect=True, ids=["unrenewed"])
def test_keys_that_are_not_renewed_end_with_what_they_carried(lab, tunnel):
    """OUT-5: the packet after the last one waits for another SA, for both ends."""
    receiving = receive(lab.dest, 7004)
    before = [rekeys(gateway)[0] for gateway in (tunnel.west, tunnel.east)]
    with lab.capture("west") as wire:
        sending = lab.source.start(STREAM, "send", DEST, 7004, 400, 1600)
        assert sending.wait(timeout=20) == 0
    result = json.loads(receiving.communicate(timeout=10)[0])
    assert (result["received"], result["lost"]) == (1600, 0)
    after = [rekeys(gateway)[0] for gateway in (tunnel.west, tunnel.east)]
    assert [new - old for new, old in zip(after, before)] == [1, 1]
    assert "its lifetime is over" in tunnel.west.log()
    assert not wire.frames().between(SOURCE, DEST)
