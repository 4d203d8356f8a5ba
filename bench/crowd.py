"""Many Initiators in one process, on a link of their own, and the gateway they call: for benches."""
import json
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from gateway import IPSEC, SETUP, Gateway  # noqa: E402
from lab import BUILD, DEST, EAST, EAST_LAN, Host, Lab, run, until  # noqa: E402

SHAKER = BUILD / "bench" / "handshaker"
CROWD = "100.64.0.0"
PAIRS = int(sys.argv[sys.argv.index("--pairs") + 1]) if "--pairs" in sys.argv else 20000
AT_ONCE = 48

CONN = """
conn crowd
	left={outer}
	leftsubnet={lan}
	right=%any
	rightid=@client.example.net
	{key}
	leftid={outer}
	{more}
	auto=add
"""


def new_key(directory, kind):
    """(private key file, line of ipsec.conf for its peers)"""
    directory.mkdir(parents=True)
    env = {**os.environ, "IPSEC_CONFS": str(directory)}
    bits = ["--bits", "2048"] if kind == "rsa" else []
    run(str(IPSEC), "newhostkey", "--type", kind, *bits, env=env, timeout=60)
    line = run(str(IPSEC), "showhostkey", "--right", env=env).stdout
    line = next(part.strip() for part in line.splitlines() if part.strip().startswith("right"))
    return next((directory / "ipsec.d" / "private").iterdir()), line


def wire(lab):
    """The Initiators' own link, so that their packets cost the gateway's host only what they must."""
    crowd = Host(lab, "crowd")
    lab.hosts[crowd.name] = crowd
    lab.wire(crowd, "out", ["198.18.100.9/24"], lab.east, "crowd", ["198.18.100.1/24"])
    crowd.ip("route", "add", EAST, "via", "198.18.100.1")
    crowd.ip("route", "add", "local", f"{CROWD}/10", "dev", "lo")
    lab.east.ip("route", "add", f"{CROWD}/10", "via", "198.18.100.9")
    return crowd


def times_s(pids):
    """(in the programs, in the kernel for them)"""
    ticks = [0, 0]
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks = [ticks[0] + int(fields[11]), ticks[1] + int(fields[12])]
    return tuple(t / os.sysconf("SC_CLK_TCK") for t in ticks)


def cpu_s(pids):
    return sum(times_s(pids))


def resident_kb(pids):
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total


def part_processors(pids):
    """The gateway runs on one processor and what is started from here on another: a rate is of one
    core, and neither end sends the other's threads from core to core. With one there is no choice."""
    cores = sorted(os.sched_getaffinity(0))
    for pid in pids:
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores[:1])
    os.sched_setaffinity(0, cores[1:] or cores)


def join_processors():
    os.sched_setaffinity(0, range(os.cpu_count()))


def shake(crowd, first, addresses, count, at_once, own, peer, *stay):
    done = crowd.run(SHAKER, EAST, first, addresses, count, at_once, DEST, own, peer, *stay,
                     timeout=600)
    return json.loads(done.stdout)


def address(number):
    return f"100.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def start_gateway(lab, kind, more=""):
    """A gateway for the crowd: (gateway, private key of the crowd, private key of the gateway)"""
    gateway = Gateway(lab.east, EAST_LAN, EAST)
    own, key = new_key(lab.dir / f"client-{kind}", kind)
    for path in ("ipsec.secrets", "ipsec.d"):
        run("rm", "-rf", str(gateway.confs / path))
    gateway.configure(SETUP + "\tuniqueids=no\n", CONN, outer=EAST, key=key, more=more)
    env = {**os.environ, "IPSEC_CONFS": str(gateway.confs)}
    run(str(IPSEC), "newhostkey", "--type", kind, *(["--bits", "2048"] if kind == "rsa" else []),
        env=env, timeout=60)
    peer = next((gateway.confs / "ipsec.d" / "private").iterdir())
    gateway.start()
    return gateway, own, peer


def stop_gateway(lab, gateway):
    gateway.stop()
    until("the gateway is gone", lambda: not lab.east.pids())


def figure(bench, name, value, unit, goal, against=None):
    line = {"bench": bench, "figure": name, "value": round(value, 3), "unit": unit}
    if against is not None:
        line["against"] = {"name": against[0], "value": round(against[1], 1)}
        line["ratio"] = round(value / against[1], 3)
    print(json.dumps({**line, "goal": goal}), flush=True)
