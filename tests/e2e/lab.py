"""A small internet of network namespaces.

      source            west               internet              east            dest
    10.1.0.2 ---lan-- 10.1.0.1
                      198.18.1.1 ---wan-- west   east --wan-- 198.18.2.1
                                        198.18.1.254  198.18.2.254
                                              stranger        198.19.2.1 --lan-+- 198.19.2.2 dest
                                           198.18.3.254                        +- 198.19.2.3 second
                                                 |
      NSD      198.18.53.1 (in internet)      stranger 198.18.3.9, no IPsec
      Unbound  198.18.53.2 (in internet)

The same in IPv6: 2001:2:0:N::H with the host number H as above, in network N:
    lan of west 11, wan of west 1, wan of east 2, lan of east 22, stranger 3.

`internet` is one router; its interfaces are named after who hangs on them, so `capture("west")` sees
what everybody between the gateways could see. Names of namespaces begin with `ws<pid>-`, and every
process in them dies with the lab. What a killed run left behind is swept by the next one.

The reverse zones live in a real NSD below a root zone of our own; gateways ask a real Unbound that
starts at that root. 10/8 is on the list of zones that resolvers answer themselves, 198.18/15 is not.
"""
import atexit
import ipaddress
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

from pcap import Frames
from talk import MARKER, PIECE

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("WILDSWAN_BUILD", HERE.parents[1] / "build")).resolve()
PEERS = BUILD / "peers" / "dns"

SOURCE, SOURCE6 = "10.1.0.2", "2001:2:0:11::2"
WEST_IN, WEST, WEST6 = "10.1.0.1", "198.18.1.1", "2001:2:0:1::1"
EAST, EAST6 = "198.18.2.1", "2001:2:0:2::1"
EAST_IN, DEST, DEST6 = "198.19.2.1", "198.19.2.2", "2001:2:0:22::2"
SECOND, SECOND6 = "198.19.2.3", "2001:2:0:22::3"
STRANGER, STRANGER6 = "198.18.3.9", "2001:2:0:3::9"
NSD, UNBOUND = "198.18.53.1", "198.18.53.2"

WEST_LAN, EAST_LAN = "10.1.0.0/24", "198.19.2.0/24"
WEST_LAN6, EAST_LAN6 = "2001:2:0:11::/64", "2001:2:0:22::/64"

ZONES = [
    "10.in-addr.arpa",
    "18.198.in-addr.arpa",
    "19.198.in-addr.arpa",
    "2.0.0.0.1.0.0.2.ip6.arpa",
    "example.net",
]


def reverse(address):
    """The reverse name of an address, with its last dot."""
    return ipaddress.ip_address(address).reverse_pointer + "."


def run(*words, check=True, timeout=30, **more):
    """Run a command and return what it printed; a failure shows both of its outputs."""
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
    done = subprocess.run(words, timeout=timeout, **more)
    if check and done.returncode != 0:
        raise AssertionError(
            f"{' '.join(words)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def until(what, true, timeout=5.0):
    """Wait until true() is; fails with `what` when time is up. Returns what true() returned."""
    end = time.monotonic() + timeout
    while True:
        value = true()
        if value:
            return value
        assert time.monotonic() < end, f"not within {timeout} s: {what}"
        time.sleep(0.02)


class Host:
    """One namespace."""

    def __init__(self, lab, name):
        self.lab, self.name, self.ns = lab, name, f"{lab.prefix}-{name}"
        run("ip", "netns", "add", self.ns)
        etc = pathlib.Path("/etc/netns") / self.ns
        etc.mkdir(parents=True)
        (etc / "resolv.conf").write_text(f"nameserver {UNBOUND}\n")
        self.ip("link", "set", "lo", "up")

    def ip(self, *words):
        return run("ip", "-n", self.ns, *words).stdout

    def run(self, *words, **more):
        return run("ip", "netns", "exec", self.ns, *map(str, words), **more)

    def shell(self, script, **more):
        return self.run("sh", "-ec", script, **more).stdout

    def nft(self, rules):
        """Load nft rules, as an administrator would."""
        self.run("nft", "-f", "-", input=rules)

    def start(self, *words, **more):
        """A process that runs until the lab ends or somebody stops it."""
        more.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen(["ip", "netns", "exec", self.ns, *map(str, words)], **more)
        self.lab.processes.append(process)
        return process

    def sysctl(self, **settings):
        self.shell("\n".join(f"echo {value} > /proc/sys/{name.replace('__', '/')}"
                             for name, value in settings.items()))

    def pids(self):
        return [int(pid) for pid in run("ip", "netns", "pids", self.ns, check=False).stdout.split()]

    def ping(self, address, count=1, size=112, wait=3, options=()):
        """Pings with the marker in the payload (-s counts from behind the ICMP header)."""
        done = self.run("ping", "-n", "-c", count, "-i", "0.2", "-W", wait, "-s", size,
                        "-p", PIECE.hex(), *options, address, check=False, timeout=60)
        return Ping(done.stdout + done.stderr)

    def serve(self, kind, port, *options):
        """A talk.py server on every address; returns when it listens."""
        process = self.start(sys.executable, "-B", HERE / "talk.py", "serve", kind, port, *options,
                             stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        return process

    def talk(self, kind, address, port, *options, timeout=30):
        """Talk to a server: a dict with what happened (see talk.py)."""
        out = self.run(sys.executable, "-B", HERE / "talk.py", kind, address, port, *options,
                       timeout=timeout).stdout
        return json.loads(out)

    def forge(self, source, destination, count=1, *options):
        """Datagrams with the marker from an address (and a port) that is not ours."""
        self.run(sys.executable, "-B", HERE / "talk.py", "forge", source, destination, count,
                 *options)


class Ping:
    """What ping said."""

    def __init__(self, text):
        self.text = text
        counts = re.search(r"(\d+) packets transmitted, (\d+) received", text)
        self.sent, self.received = map(int, counts.groups()) if counts else (0, 0)
        self.times_ms = [float(ms) for ms in re.findall(r"time=([\d.]+) ms", text)]

    def __bool__(self):
        return 0 < self.sent == self.received

    def __repr__(self):
        return self.text


SNAPLEN, RING_KB = 65600, 128 * 1024


class Capture:
    """tcpdump on one interface. `with` stops it, after what was on its way has arrived.

    Each packet has a place of SNAPLEN in the kernel's ring: tcpdump's own ring has eight of them, and
    a burst would run over."""

    def __init__(self, host, interface, snaplen=SNAPLEN):
        self.host, self.interface = host, interface
        self.path = host.lab.dir / f"{host.name}-{interface}-{host.lab.number()}.pcap"
        self.process = host.start(
            "tcpdump", "-i", interface, "-s", snaplen, "-B", RING_KB, "-w", self.path, "-U",
            "--immediate-mode", "-Z", "root", stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "listening on" in line:
                return
        raise AssertionError(f"tcpdump on {interface} did not start")

    def frames(self):
        """What was captured so far."""
        return Frames(self.path.read_bytes())

    def stop(self):
        if self.process.poll() is None:
            token = f"end of capture {self.host.lab.number()}".encode()
            self.host.run(sys.executable, "-B", HERE / "talk.py", "frame", self.interface,
                          token.decode())
            until("the capture's end mark", lambda: token in self.path.read_bytes())
            self.process.terminate()
            self.process.wait()
            lost = re.search(r"([1-9][0-9]*) packets dropped by kernel", self.process.stderr.read())
            assert not lost, f"the capture on {self.interface} lost {lost[1]} packets"
        return self.frames()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Lab:
    """The whole bed. Use it with `with`; close() is safe to call twice."""

    def __init__(self, name="lab"):
        sweep()
        self.prefix = f"ws{os.getpid()}{chr(ord('a') + Lab.count % 26)}"
        Lab.count += 1
        self.dir = BUILD / "e2e" / self.prefix
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        self.processes, self.hosts, self.numbers = [], {}, 0
        self.gateways = {}
        self.records = {}
        self.nsd = self.unbound = None
        Lab.open.append(self)
        try:
            self.build()
        except BaseException:
            self.close()
            raise

    count = 0
    open = []
    Capture = Capture

    def number(self):
        self.numbers += 1
        return self.numbers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def build(self):
        for name in "source west internet east dest second stranger".split():
            self.hosts[name] = Host(self, name)
            setattr(self, name, self.hosts[name])
        for host in (self.west, self.internet, self.east):
            host.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)
        self.wire(self.source, "lan", [f"{SOURCE}/24", f"{SOURCE6}/64"],
                  self.west, "lan", [f"{WEST_IN}/24", "2001:2:0:11::1/64"])
        self.wire(self.west, "wan", [f"{WEST}/24", f"{WEST6}/64"],
                  self.internet, "west", ["198.18.1.254/24", "2001:2:0:1::fe/64"])
        self.wire(self.east, "wan", [f"{EAST}/24", f"{EAST6}/64"],
                  self.internet, "east", ["198.18.2.254/24", "2001:2:0:2::fe/64"])
        self.wire(self.stranger, "lan", [f"{STRANGER}/24", f"{STRANGER6}/64"],
                  self.internet, "stranger", ["198.18.3.254/24", "2001:2:0:3::fe/64"])
        # An address of its own: otherwise it takes the lowest of its ports', also of a later one.
        self.east.ip("link", "add", "lan", "address", "02:00:00:00:00:01", "type", "bridge")
        self.address(self.east, "lan", [f"{EAST_IN}/24", "2001:2:0:22::1/64"])
        self.wire(self.dest, "lan", [f"{DEST}/24", f"{DEST6}/64"], self.east, "lan1", [])
        self.wire(self.second, "lan", [f"{SECOND}/24", f"{SECOND6}/64"], self.east, "lan2", [])
        for port in ("lan1", "lan2"):
            self.east.ip("link", "set", port, "master", "lan")
        for host, via in ((self.source, (WEST_IN, "2001:2:0:11::1")),
                          (self.dest, (EAST_IN, "2001:2:0:22::1")),
                          (self.second, (EAST_IN, "2001:2:0:22::1")),
                          (self.west, ("198.18.1.254", "2001:2:0:1::fe")),
                          (self.east, ("198.18.2.254", "2001:2:0:2::fe")),
                          (self.stranger, ("198.18.3.254", "2001:2:0:3::fe"))):
            for gateway in via:
                host.ip("route", "add", "default", "via", gateway)
        for net, via in ((WEST_LAN, WEST), (EAST_LAN, EAST), (WEST_LAN6, WEST6),
                         (EAST_LAN6, EAST6)):
            self.internet.ip("route", "add", net, "via", via)
        for address in (NSD, UNBOUND):
            self.address(self.internet, "lo", [f"{address}/32"])
        self.start_dns()

    def wire(self, a, a_name, a_addresses, b, b_name, b_addresses):
        """A veth pair between two hosts, up, with addresses."""
        run("ip", "link", "add", a_name, "netns", a.ns, "type", "veth",
            "peer", "name", b_name, "netns", b.ns)
        self.address(a, a_name, a_addresses)
        self.address(b, b_name, b_addresses)

    @staticmethod
    def address(host, device, addresses):
        for address in addresses:
            nodad = ["nodad"] if ":" in address else []
            host.ip("address", "add", address, "dev", device, *nodad)
        host.ip("link", "set", device, "up")

    def delay(self, program, milliseconds):
        """Every packet between two neighbours of the internet takes this long (bench/delay.c)."""
        relay = self.internet.start(program, "delay0", milliseconds, stdout=subprocess.PIPE,
                                    text=True)
        assert relay.stdout.readline() == "ready\n"
        self.internet.sysctl(net__ipv4__conf__delay0__rp_filter=0)
        self.internet.ip("link", "set", "delay0", "up")
        self.internet.ip("route", "add", "default", "dev", "delay0", "table", "20")
        for interface in ("west", "east", "stranger"):
            self.internet.ip("rule", "add", "iif", interface, "lookup", "20")

    def capture(self, interface, snaplen=SNAPLEN):
        """What the internet sees of one of its neighbours: `with lab.capture("west") as capture`."""
        return Capture(self.internet, interface, snaplen)

    # DNS

    def start_dns(self):
        self.write_zones()
        zones = "".join(f'zone:\n\tname: "{z}"\n\tzonefile: "{z}zone"\n'
                        for z in [".", *(z + "." for z in ZONES)])
        conf = self.dir / "nsd.conf"
        conf.write_text(f"""server:
	ip-address: {NSD}
	zonesdir: "{self.dir}"
	database: ""
	username: ""
	logfile: "{self.dir}/nsd.log"
	pidfile: "{self.dir}/nsd.pid"
	xfrdfile: "{self.dir}/xfrd.state"
	zonelistfile: "{self.dir}/zone.list"
	xfrdir: "{self.dir}"
	server-count: 1
	rrl-ratelimit: 0
remote-control:
	control-enable: no
{zones}""")
        (self.dir / "root.hints").write_text(f". 3600 NS ns.\nns. 3600 A {NSD}\n")
        (self.dir / "unbound.conf").write_text(f"""server:
	interface: {UNBOUND}
	access-control: 0.0.0.0/0 allow
	outgoing-interface: {UNBOUND}
	username: ""
	chroot: ""
	directory: "{self.dir}"
	pidfile: "{self.dir}/unbound.pid"
	logfile: "{self.dir}/unbound.log"
	use-syslog: no
	do-daemonize: no
	root-hints: "{self.dir}/root.hints"
	module-config: "iterator"
	unblock-lan-zones: yes
	do-ip6: no
	num-threads: 1
remote-control:
	control-enable: no
""")
        self.nsd = self.server("nsd", "-d", "-c", conf)
        self.unbound = self.server("unbound", "-d", "-c", self.dir / "unbound.conf")
        self.dns_answers("example.net")

    def server(self, program, *words, host=None):
        """One of the unpacked DNS servers."""
        library = next(iter((PEERS / "usr/lib").glob("*-linux-gnu*")), PEERS)
        return (host or self.internet).start(
            PEERS / "usr/sbin" / program, *words, env={**os.environ, "LD_LIBRARY_PATH": str(library)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def write_zones(self):
        """One file per zone from self.records; a new serial each time."""
        serial = int(time.time() * 10) % 2**32
        head = f"$TTL 60\n@ SOA ns. root.ns. {serial} 600 600 86400 60\n@ NS ns.\n"
        delegations = "".join(f"{zone}. NS ns.\n" for zone in ZONES)
        (self.dir / ".zone").write_text(f"$ORIGIN .\n{head}ns. A {NSD}\n{delegations}")
        for zone in ZONES:
            lines = [line for owner, lines in self.records.items()
                     if owner.endswith("." + zone + ".") for line in lines]
            (self.dir / f"{zone}.zone").write_text(
                f"$ORIGIN {zone}.\n{head}serial TXT \"{serial}\"\n" + "\n".join(lines) + "\n")
        return serial

    def publish(self, owner, *texts):
        """Zone lines for one owner, instead of what was there. reload_dns() makes them count.

        Lines that begin with white space take the owner, as `ipsec showhostkey` prints them.
        """
        lines = []
        for line in "\n".join(texts).splitlines():
            lines.append(owner + line if line[:1].isspace() and not lines_open(lines) else line)
        self.records[owner] = lines

    def unpublish(self, owner):
        self.records.pop(owner, None)

    def reload_dns(self):
        """NSD takes the new zones, Unbound forgets what it knew."""
        serial = self.write_zones()
        self.nsd.send_signal(signal.SIGHUP)
        until("NSD has the new zones", lambda: str(serial) in self.dig("serial.10.in-addr.arpa",
                                                                      "TXT", server=NSD))
        self.unbound.send_signal(signal.SIGHUP)
        until("Unbound has the new zones",
              lambda: str(serial) in self.dig("serial.10.in-addr.arpa", "TXT"))

    def sign(self):
        """From now on Knot serves everything, as one signed root zone. Returns its trust anchor."""
        self.nsd.terminate()
        self.nsd.wait()
        records = "\n".join(line for lines in self.records.values() for line in lines)
        (self.dir / "signed.zone").write_text(
            f"$ORIGIN .\n$TTL 60\n@ SOA ns. root.ns. 1 600 600 86400 60\n@ NS ns.\nns. A {NSD}\n"
            f"{records}\n")
        (self.dir / "signed").mkdir()
        conf = self.dir / "signed.conf"
        conf.write_text(f"""server:
  listen: {NSD}
  rundir: {self.dir}
database:
  storage: {self.dir}/signed
zone:
  - domain: .
    file: {self.dir}/signed.zone
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
    dnssec-signing: on
""")
        self.nsd = self.server("knotd", "-c", conf)
        anchor = until("Knot serves its key", lambda: self.dig(".", "DNSKEY", server=NSD), 10)
        self.unbound.send_signal(signal.SIGHUP)
        self.dns_answers(".")
        return "".join(f". IN DNSKEY {line}\n" for line in anchor.splitlines())

    def dig(self, name, kind="SOA", server=UNBOUND, host=None, options=()):
        said = (host or self.internet).run("dig", f"@{server}", name, kind, "+time=1", "+tries=1",
                                           "+short", *options, check=False).stdout
        return "".join(line + "\n" for line in said.splitlines()
                       if line and not line.startswith(";"))

    def dns_answers(self, name):
        until("the name servers answer", lambda: "root.ns." in self.dig(name), timeout=10)

    # The end

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        for host in self.hosts.values():
            remove_namespace(host.ns)
        self.hosts = {}
        self.processes = []
        if self in Lab.open:
            Lab.open.remove(self)


def lines_open(lines):
    """Inside parentheses a line goes on: it has no owner."""
    text = "\n".join(re.sub(r'"[^"]*"|;.*', "", line) for line in lines)
    return text.count("(") > text.count(")")


def remove_namespace(name):
    for pid in run("ip", "netns", "pids", name, check=False).stdout.split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass
    run("ip", "netns", "delete", name, check=False)
    shutil.rmtree(pathlib.Path("/etc/netns") / name, ignore_errors=True)
    try:
        pathlib.Path("/etc/netns").rmdir()
    except OSError:
        pass


def sweep():
    """Remove what earlier runs left: namespaces and files whose number is no living process."""
    for directory in (BUILD / "e2e").glob("ws*"):
        if not pathlib.Path("/proc", re.match(r"ws(\d+)", directory.name).group(1)).exists():
            shutil.rmtree(directory, ignore_errors=True)
    for line in run("ip", "netns", "list", check=False).stdout.splitlines():
        match = re.match(r"ws(\d+)[a-z]-\w+", line)
        if match and not pathlib.Path(f"/proc/{match.group(1)}").exists():
            remove_namespace(match.group(0))


@atexit.register
def close_all():
    for lab in list(Lab.open):
        lab.close()


def no_more(number, _frame):
    sys.exit(128 + number)  # runs atexit


signal.signal(signal.SIGTERM, no_more)
signal.signal(signal.SIGHUP, no_more)
