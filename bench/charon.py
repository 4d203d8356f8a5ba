"""strongSwan's charon as the Responder of bench/handshakes, for the same crowd on the same host.

The kernel of a bench has no ESP, and charon's ESP in userspace walks lists that grow with every SA, so
bench/nodder.c makes the kernel acknowledge SAs and policies: charon's work is all there, the kernel's is
not. No routes, no duplicate checks, no cookies, no limits, a log of its own with one line a decision. Its
table of IKE SAs is as large as it takes, and once more as it is by default.
"""
import shutil
import time
from functools import partial

import crowd as bed
from crowd import (AT_ONCE, BUILD, EAST, EAST_LAN, address, cpu_s, join_processors,
                   part_processors, resident_kb, run, shake, until)

from strongswan import PLUGINS, ROOT, Strongswan

PAIRS_MOST = 8000
STEPS = 8

SETTINGS = """
  load = {plugins}
  install_routes = no
  dos_protection = no
  ikesa_table_size = {table}
  ikesa_table_segments = {segments}
  plugins {{
    kernel-netlink {{
      xfrm_acq_expires = 86400
    }}
  }}
  filelog {{
    file {{
      default = 0
      flush_line = no
    }}
  }}
"""

CONN = """
connections {{
  crowd {{
    version = 2
    local_addrs = {outer}
    remote_addrs = %any
    unique = never
    proposals = aes256gcm16-prfsha256-curve25519
    local {{
      id = {outer}
      auth = pubkey
      pubkeys = own.pem
    }}
    remote {{
      id = client.example.net
      auth = pubkey
      pubkeys = client.pem
    }}
    children {{
      crowd {{
        local_ts = {lan}
        esp_proposals = aes256gcm16
      }}
    }}
  }}
}}
"""

figure = partial(bed.figure, "handshakes")


def is_here():
    return (ROOT / "stamp").exists()


def public(private, path):
    run("openssl", "pkey", "-in", str(private), "-pubout", "-out", str(path))


def start(lab, own, peer, table, segments):
    """charon with the gateway's key, which knows the crowd's."""
    charon = Strongswan(lab.east)
    charon.env["LD_PRELOAD"] = str(BUILD / "bench" / "libnodder.so")
    charon.settings(SETTINGS.format(
        plugins=" ".join(name for name in PLUGINS if name != "kernel-libipsec"), table=table,
        segments=segments))
    shutil.copy(peer, charon.dir / "private" / "own.pem")
    public(peer, charon.dir / "pubkey" / "own.pem")
    public(own, charon.dir / "pubkey" / "client.pem")
    charon.configure(CONN.format(outer=EAST, lan=EAST_LAN))
    charon.start()
    return charon


def stop(lab, charon):
    """It would tell every peer; they are gone."""
    join_processors()
    charon.process.kill()
    charon.process.wait()
    for pid in lab.east.pids():
        run("kill", "-9", str(pid), check=False)
    until("charon is gone", lambda: not lab.east.pids())


def crowded(charon, crowd, first, count, at_once, keys):
    """One shake: (its figures, seconds of CPU)"""
    pids = charon.host.pids()
    before = cpu_s(pids)
    result = shake(crowd, address(first), count, count, at_once, *keys)
    assert result["up"] == count, (result, charon.log()[-3000:])
    return result, cpu_s(pids) - before


def rates(charon, crowd, pairs, keys):
    """Handshakes per second of CPU, for each step on the way to that many pairs."""
    count = pairs // STEPS
    part_processors(charon.host.pids())
    return [count / crowded(charon, crowd, 1024 + i * count, count, AT_ONCE, keys)[1]
            for i in range(STEPS)]


def measure(lab, crowd, kind, pairs, keys, ours):
    """`keys`: the crowd's and the gateway's; `ours`: our figures, and the bare limit, by name."""
    pairs = min(pairs, PAIRS_MOST)
    charon = start(lab, *keys, 16384, 16)
    crowded(charon, crowd, 200, 20, 1, keys)
    latency = crowded(charon, crowd, 300, 200, 1, keys)[0]["p50"]
    figure(f"charon, {kind}: latency, median", latency, "ms", None, ("ours", ours["latency"]))
    memory = resident_kb(lab.east.pids())
    rate = sum(rates(charon, crowd, pairs, keys)) / STEPS
    figure(f"charon, {kind}: handshakes a core", rate, "1/s", None, ("bare limit", ours["limit"]))
    time.sleep(1)
    figure(f"charon, {kind}: memory of a pair", (resident_kb(lab.east.pids()) - memory) / pairs,
           "kB", None, ("ours", ours["memory"]))
    stop(lab, charon)
    charon = start(lab, *keys, 1, 1)
    crowded(charon, crowd, 200, 20, 1, keys)
    with_pairs = rates(charon, crowd, pairs, keys)
    figure(f"charon, {kind}, its default table: the last {pairs // STEPS} of {pairs}",
           with_pairs[-1], "1/s", None, ("the first", with_pairs[0]))
    stop(lab, charon)
