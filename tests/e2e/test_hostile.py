"""A hostile peer, with and without the secret: the daemon lives, and others are served."""
import pathlib
import sys

import pytest

from gateway import SETUP
from lab import BUILD, DEST, EAST, EAST_LAN, PIECE, SOURCE, STRANGER, WEST, WEST_LAN

SECRET = "a secret that the wrong one knows, too"

# One file for both: the second conn is none of west's business.
TUNNEL = """
conn tunnel
	left={west}
	leftsubnet={west_lan}
	right={east}
	rightsubnet={east_lan}
	authby=secret
	auto=route
"""

HOSTILE = """
conn hostile
	left={east}
	leftsubnet={east_lan}
	right={stranger}
	authby=secret
	auto=add
"""


@pytest.fixture(scope="module")
def prepared(idle_pair):
    places = {"west": WEST, "east": EAST, "west_lan": WEST_LAN, "east_lan": EAST_LAN}
    for gateway in (idle_pair.west, idle_pair.east):
        gateway.configure(SETUP, TUNNEL, HOSTILE, stranger=STRANGER, **places)
        secrets = gateway.confs / "ipsec.secrets"
        secrets.write_text(f'{WEST} {EAST} : PSK "for the two"\n{EAST} {STRANGER} : PSK "{SECRET}"\n')
        secrets.chmod(0o600)
    idle_pair.start()
    return idle_pair


def resident_kb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def serves(lab, pair, pid, log_before):
    """Still the same process, with a tunnel that carries, and not talkative."""
    with lab.capture("west") as capture:
        assert lab.source.ping(DEST, count=2)
    assert pair.west.action(SOURCE, DEST) == "tunnel"
    assert not capture.frames().with_octets(PIECE)
    assert pair.east.pid() == pid
    assert len(pair.east.log()) - log_before < 200_000


NOISE = r"""
import random, socket, struct, sys
gateway, seed = sys.argv[1], int(sys.argv[2])
random.seed(seed)
sockets = []
for port in (500, 4500):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", port))
    sockets.append((s, port))
def header(length, exchange, flags, version, spis=None):
    return (spis or random.randbytes(16)) + bytes([random.choice([0, 33, 41, 46, 53, 200]), version,
        exchange, flags]) + struct.pack(">II", random.choice([0, 1, 2, 2**32 - 1]), length)
sizes = [0, 1, 3, 4, 8, 27, 28, 29, 32, 60, 500, 1400, 9000, 65000]
for i in range(6000):
    s, port = random.choice(sockets)
    body = random.randbytes(random.choice(sizes[:11] if i % 200 else sizes))
    length = random.choice([28 + len(body)] * 5 + [0, 27, 28, 2**31, 2**32 - 1])
    spis = random.choice([None, random.randbytes(8) + bytes(8), bytes(16)])
    message = header(length, random.choice([34, 34, 35, 36, 37, 38, 43, 2, 255]), random.randrange(256),
                     random.choice([0x20, 0x20, 0x20, 0x10, 0x30, 0xff]), spis) + body
    if i % 7 == 0:
        message = body
    marker = bytes(4) if port == 4500 and i % 11 else b""
    try:
        s.sendto((marker + message)[:65500], (gateway, port))
    except OSError:
        pass
"""


def test_noise_is_survived(lab, prepared):
    pid, said = prepared.east.pid(), len(prepared.east.log())
    assert lab.source.ping(DEST, wait=8)
    before = resident_kb(pid)
    for seed in range(3):
        lab.stranger.run(sys.executable, "-B", "-c", NOISE, EAST, seed, timeout=30)
        assert lab.source.ping(DEST)
    serves(lab, prepared, pid, said)
    assert resident_kb(pid) - before < 4096


def test_a_peer_that_knows_a_secret_abuses_it(lab, prepared):
    pid, said = prepared.east.pid(), len(prepared.east.log())
    assert lab.source.ping(DEST, wait=8)
    before = resident_kb(pid)
    done = lab.stranger.run(BUILD / "tests/e2e/hostile_peer", EAST, STRANGER, DEST, SECRET, 6,
                            timeout=30)
    assert '"rounds"' in done.stdout
    serves(lab, prepared, pid, said)
    assert resident_kb(pid) - before < 4096
    # It went deep enough to be refused with good manners.
    dropped = prepared.east.json("status")["dropped"]["ike"]
    assert {"integrity", "malformed", "state", "message-id"} <= set(dropped)


def test_it_ends_in_order(prepared):
    prepared.east.stop("--open")
    assert "stopped" in prepared.east.log().splitlines()[-1]
    prepared.east.start()
