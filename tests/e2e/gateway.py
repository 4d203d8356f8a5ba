"""wildswan on one host of the lab: its files, its commands, and what it says."""
import ipaddress
import json
import os
import pathlib
import re
import shutil
import signal
import socket

from lab import (BUILD, DEST, DEST6, EAST, EAST6, EAST_LAN, EAST_LAN6, SECOND, SECOND6, SOURCE,
                 SOURCE6, UNBOUND, WEST, WEST6, WEST_LAN, WEST_LAN6, reverse, run, until)

IPSEC = BUILD / "ipsec"

SETUP = """
config setup
	interfaces=%defaultroute
	dns={dns}
	dnssec=off
"""

# As the HowTo has them (its section "Configuring FreeS/WAN").
HOWTO = """
conn client-to-anyone	# for our client subnet
	leftsubnet={lan}	# any single client in our subnet
	also=sg-to-anyone	# rest is same as for SG

conn sg-to-anyone	# for our Security Gateway
	left=%defaultroute	# our SG (defaults leftnexthop too)
	right=%opportunistic
	authby=rsasig	# almost always the right choice
	keyingtries=2	# don't be persistent -- peer might disappear
	auto=route	# enable at ipsec startup
"""

# The same with a failureshunt: private.
PRIVATE = HOWTO + "\tfailureshunt={failure}\n"


class Gateway:
    """A host that runs wildswan. Its ipsec.conf is written by configure()."""

    def __init__(self, host, lan, outer):
        self.host, self.lan, self.outer = host, lan, outer
        self.dir = host.lab.dir / host.name
        self.confs, self.rundir = self.dir / "etc", self.dir / "run"
        self.confs.mkdir(parents=True, exist_ok=True)
        host.lab.gateways[host.name] = self
        self.env = {**os.environ, "IPSEC_CONFS": str(self.confs), "IPSEC_RUNDIR": str(self.rundir)}

    def configure(self, *parts, **words):
        """Writes ipsec.conf from templates; {lan} and {dns} are ours unless told otherwise."""
        words = {"lan": self.lan, "dns": UNBOUND, "failure": "drop", **words}
        text = "version 2\n" + "".join(part.format(**words) for part in parts)
        (self.confs / "ipsec.conf").write_text(text)

    def ipsec(self, *words, check=True, timeout=20):
        return self.host.run(IPSEC, *words, check=check, timeout=timeout, env=self.env)

    def start(self, check=True):
        """The daemon keeps stderr as its log; the lines of this start are in what is returned."""
        with open(self.dir / "wildswan.log", "a+") as log:
            began = log.tell()
            done = self.host.run(IPSEC, "start", check=False, timeout=20, env=self.env, stderr=log)
            log.seek(began)
            done.stderr = log.read()
        assert not check or done.returncode == 0, done.stderr
        return done

    def stop(self, *words):
        return self.ipsec("stop", *words)

    def restart(self):
        self.stop("--open")
        self.start()

    def pid(self):
        return int((self.rundir / "wildswan.pid").read_text())

    def kill(self):
        """kill -9 of the daemon, and of nothing else."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        until("the daemon is gone", lambda: pid not in self.host.pids() and not self.listens())

    def listens(self):
        """Whether some thread of it still holds the control socket."""
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.rundir / "control.sock")) == 0

    def json(self, *words):
        return json.loads(self.ipsec(*words, "--json").stdout)

    def eroutes(self):
        return self.json("eroute")

    def eroute(self, source, destination):
        """The row of one pair of hosts, or None. The conns' own rows come before those of the flows."""
        for row in reversed(self.eroutes()):
            if (host_of(row["source"]), host_of(row["destination"])) == (source, destination):
                return row
        return None

    def range_of(self, source, destination):
        """The narrowest row that has the pair in it, or None."""
        rows = [row for row in self.eroutes()
                if has(row["source"], source) and has(row["destination"], destination)]
        return min(rows, default=None, key=lambda row: (
            ipaddress.ip_network(row["destination"]).num_addresses,
            ipaddress.ip_network(row["source"]).num_addresses))

    def action(self, source, destination):
        """What became of a pair: by itself, or with the ranges of a configured tunnel."""
        row = self.eroute(source, destination) or self.range_of(source, destination)
        return row["action"] if row and row["action"] != "trap" else None

    def until_action(self, source, destination, action, timeout=5):
        until(f"{self.host.name}: {source} > {destination} is {action}",
              lambda: self.action(source, destination) == action, timeout)

    def key(self, *words):
        """Zone lines of our key."""
        return self.ipsec("showhostkey", *words).stdout

    def tables(self):
        return self.host.run("nft", "list", "tables").stdout

    def log(self):
        return "".join(path.read_text(errors="replace")
                       for path in sorted(self.dir.rglob("*.log")))


def has(selector, address):
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(selector)
    except ValueError:
        return False  # first-last


def host_of(selector):
    """10.1.0.2/32 is the host 10.1.0.2; a wider selector is nobody's."""
    address, _, length = selector.partition("/")
    return address if length in ("", "32", "128") else None


class HostKeys:
    """The secrets of two gateways, made once by `ipsec newhostkey`: RSA keys take their time."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)

    def made(self, name):
        confs = self.dir / name
        if not (confs / "ipsec.secrets").exists():
            confs.mkdir(parents=True, exist_ok=True)
            run(str(IPSEC), "newhostkey", timeout=60, env={**os.environ, "IPSEC_CONFS": str(confs)})
        return confs

    def give(self, gateway, name):
        shutil.copytree(self.made(name), gateway.confs, dirs_exist_ok=True)


class Pair:
    """Both gateways of a lab with keys, records and the HowTo's conns; nothing is started yet."""

    def __init__(self, lab, keys):
        self.lab, self.keys = lab, keys
        self.west = Gateway(lab.west, WEST_LAN, WEST)
        self.east = Gateway(lab.east, EAST_LAN, EAST)
        for gateway, name in ((self.west, "west"), (self.east, "east")):
            keys.give(gateway, name)
            gateway.configure(SETUP, HOWTO)

    def publish(self):
        """What the HowTo asks for: KEY for the gateways, TXT for everybody."""
        for gateway, outer, hosts in ((self.west, WEST, [SOURCE]), (self.east, EAST, [DEST, SECOND])):
            txt = gateway.key("--txt", outer)
            self.lab.publish(reverse(outer), gateway.key("--key"), txt)
            for host in hosts:
                self.lab.publish(reverse(host), txt)
        self.lab.reload_dns()

    def publish6(self):
        for gateway, outer, hosts in ((self.west, WEST6, [SOURCE6]),
                                      (self.east, EAST6, [DEST6, SECOND6])):
            txt = gateway.key("--txt", outer)
            self.lab.publish(reverse(outer), gateway.key("--key"), txt)
            for host in hosts:
                self.lab.publish(reverse(host), txt)
        self.lab.reload_dns()

    def start(self):
        self.west.start()
        self.east.start()

    def stop(self):
        for gateway in (self.west, self.east):
            gateway.ipsec("stop", "--open", check=False)

    def restart(self):
        self.stop()
        self.start()


def without_comments(text):
    return "\n".join(line for line in text.splitlines() if not re.match(r"\s*;", line))
