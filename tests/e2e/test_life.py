"""Tunnels that nobody uses end, used ones live on; and what a restart of either end does."""
import ipaddress
import os
import subprocess
import time

import pytest

from gateway import HOWTO, SETUP, host_of
from lab import DEST, EAST, EAST_LAN, PIECE, SECOND, SOURCE, WEST, reverse, until

IDLE = "\ttunnel-idle=40\n"  # looks after 4 s (used in the last 2), then every 80 s


@pytest.fixture
def pair_with_looks(lab, pair):
    pair.stop()
    pair.west.configure(SETUP, IDLE, HOWTO)
    pair.east.configure(SETUP, HOWTO)
    pair.start()
    return pair


def deletes(capture):
    return [f for f in capture.frames().ike() if f.ike_exchange() == "INFORMATIONAL"]


def test_idle_tunnels_end(lab, pair_with_looks):
    """The one that is used stays; the other end hears of it; the IKE SA is kept and used again."""
    west, east = pair_with_looks.west, pair_with_looks.east
    stream = lab.source.start("ping", "-n", "-i", "0.5", "-w", "20", SECOND)
    with lab.capture("west") as capture:
        assert lab.source.ping(DEST)
        assert west.action(SOURCE, DEST) == "tunnel" == east.action(DEST, SOURCE)
        until("the idle one is gone", lambda: west.action(SOURCE, DEST) is None, timeout=9)
        until("the peer knows", lambda: east.action(DEST, SOURCE) is None)
        assert {f.source for f in deletes(capture) if f.ike_is_request()} == {WEST}
        assert west.action(SOURCE, SECOND) == "tunnel"
    assert "nobody used it" in west.log()
    with lab.capture("west") as capture:
        assert lab.source.ping(DEST)
    assert {f.ike_exchange() for f in capture.frames().ike()} == {"CREATE_CHILD_SA"}
    stream.kill()
    stream.wait()


def test_used_tunnels_rekey_only(lab, pair):
    """Both live 6 s; traffic of one goes on."""
    pair.stop()
    pair.west.configure(SETUP, HOWTO, "\tkeylife=6\n\trekeymargin=2\n\trekeyfuzz=0%\n")
    pair.east.configure(SETUP, HOWTO)
    pair.start()
    stream = lab.source.start("ping", "-n", "-i", "0.2", "-w", "30", SECOND)
    assert lab.source.ping(DEST)
    used, idle = (pair.west.eroute(SOURCE, host)["said"] for host in (SECOND, DEST))
    until("the used one is another", lambda: pair.west.eroute(SOURCE, SECOND)["said"] != used, 9)
    until("the idle one is gone", lambda: pair.west.action(SOURCE, DEST) is None)
    log = pair.west.log()
    assert f"flow {SOURCE} > {DEST}: trap, nobody used it" in log
    assert not [line for line in log.splitlines() if f"> {DEST}" in line and "rekeyed" in line]
    assert idle not in pair.west.ipsec("eroute").stdout
    stream.terminate()
    stream.wait()
    assert pair.west.action(SOURCE, SECOND) == "tunnel"


ANSWERS = HOWTO.replace("auto=route", "auto=add")
PRIVATELY = "\tfailureshunt=drop\n"


class Stream:
    """Numbered datagrams every 20 ms, until stopped; when they came, by the clock of this machine."""

    def __init__(self, sender, receiver, address):
        self.sink = receiver.start("python3", "-u", "-c", f"""
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("{address}", 7007))
print("ready")
while True:
    s.recv(2000)
    print(time.monotonic())
""", stdout=subprocess.PIPE, text=True)
        assert self.sink.stdout.readline() == "ready\n"
        os.set_blocking(self.sink.stdout.fileno(), False)
        self.source = sender.start("python3", "-c", f"""
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    try:
        s.sendto({PIECE!r} * 3, ("{address}", 7007))
    except OSError:
        pass
    time.sleep(0.02)
""")
        self.times = []

    def came(self):
        """New ones since the last call."""
        new = [float(line) for line in iter(self.sink.stdout.readline, "")]
        self.times += new
        return new

    def stop(self):
        for process in (self.source, self.sink):
            process.kill()
            process.wait()


def configured(pair, west, east):
    pair.stop()
    pair.west.configure(SETUP, west, PRIVATELY)
    pair.east.configure(SETUP, east, PRIVATELY)
    pair.start()


@pytest.mark.parametrize("killed, down, role", [
    ("east", 0, "initiates"), ("east", 6, "initiates"), ("east", 0, "answers"),
    ("east", 9, "answers"), ("west", 0, "initiates"), ("west", 6, "initiates")])
def test_restart_recovers(lab, pair, killed, down, role):
    """Steady traffic from west's host; one end is killed with kill -9, and started: in a tunnel
    again within 3 s, and nothing in the clear meanwhile. East may only answer."""
    configured(pair, HOWTO, ANSWERS if role == "answers" else HOWTO)
    gateway = getattr(pair, killed)
    stream = Stream(lab.source, lab.dest, DEST)
    try:
        until("the stream flows", stream.came, timeout=5)
        time.sleep(1.2)  # the file of peers is written once a second
        with lab.capture("west") as west, lab.capture("east") as east:
            gateway.kill()
            end = time.monotonic() + down
            while time.monotonic() < end:
                time.sleep(0.1)
            stream.came()
            gateway.start()
            began = time.monotonic()
            until("packets come again", stream.came, timeout=15)
            took = stream.times[-1] - began
        print(f"{killed} {role}, {down} s down: back after {took:.2f} s")
        assert took < 3
        assert pair.west.action(SOURCE, DEST) == "tunnel" == pair.east.action(DEST, SOURCE)
        for capture in (west, east):
            assert not capture.frames().with_octets(PIECE)
    finally:
        stream.stop()


def test_restart_recovers_who_is_only_sent_to(lab, pair):
    """West made the tunnel; after its restart only the other side sends."""
    configured(pair, HOWTO, HOWTO)
    assert lab.source.ping(DEST)
    stream = Stream(lab.dest, lab.source, SOURCE)
    try:
        until("the stream flows", stream.came, timeout=5)
        with lab.capture("west") as capture:
            pair.west.kill()
            stream.came()
            pair.west.start()
            began = time.monotonic()
            until("packets come again", stream.came, timeout=15)
            assert stream.times[-1] - began < 3
        assert not capture.frames().with_octets(PIECE)
    finally:
        stream.stop()


def test_peers_are_remembered_until_they_were_told(lab, pair):
    configured(pair, HOWTO, HOWTO)
    path = pair.west.rundir / "peers"
    assert lab.source.ping(DEST)
    until("the peer is in the file", lambda: EAST.encode() in path.read_bytes())
    assert path.stat().st_mode & 0o777 == 0o600
    pair.west.kill()
    with lab.capture("west") as capture:
        pair.west.start()
        until("east was told", lambda: "telling it" in pair.west.log())
        until("an IKE SA without a child", lambda: pair.east.action(DEST, SOURCE) is None)
    assert [f.ike_exchange() for f in capture.frames().ike() if f.source == WEST][:2] == [
        "IKE_SA_INIT", "IKE_AUTH"]
    pair.west.stop()
    with lab.capture("west") as capture:
        pair.west.start()
        time.sleep(0.5)
    assert not [f for f in capture.frames().ike() if f.source == WEST]


def test_fifty_destinations_behind_one_gateway_need_one_ike_sa(lab, pair):
    """At once; their tunnels come one after the other on it."""
    hosts = [str(ipaddress.ip_network(EAST_LAN)[100 + i]) for i in range(50)]
    txt = pair.east.key("--txt", EAST)
    for host in hosts:
        lab.publish(reverse(host), txt)
    lab.reload_dns()
    configured(pair, HOWTO, HOWTO)
    with lab.capture("west") as capture:
        lab.source.run("python3", "-c", f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for host in {hosts!r}:
    s.sendto(b"hello", (host, 7))
""")
        until("fifty tunnels", lambda: sum(
            row["action"] == "tunnel" and host_of(row["destination"]) in hosts
            for row in pair.west.eroutes()) == 50, timeout=20)
    requests = [f for f in capture.frames().ike() if f.source == WEST and f.ike_is_request()]
    assert [f.ike_exchange() for f in requests].count("IKE_SA_INIT") == 1
    assert pair.west.json("status")["ike_sas"] == 1
