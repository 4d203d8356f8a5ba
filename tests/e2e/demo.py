"""`make demo`: two gateways that never heard of each other, and a stranger who has no IPsec.

Everything is real: the DNS servers, the packets, the gateways. Only the internet is small (lab.py).
"""
import sys
import time

from gateway import HostKeys, Pair
from lab import DEST, EAST, PIECE, SECOND, SOURCE, STRANGER, WEST, Lab, reverse

BOLD, DIM, OFF = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")

TOPOLOGY = f"""
  Source         Initiator                     Responder        Destination
  {SOURCE} ---- {WEST} ---- internet ---- {EAST} --+- {DEST}
                                 |                          +- {SECOND}
                             stranger {STRANGER} (no IPsec)
"""


def title(text):
    print(f"\n{BOLD}{text}{OFF}")


def show(text, limit=None):
    """Indented as it was printed; long lines are cut, and say so."""
    for line in text.rstrip().splitlines()[:limit]:
        line = line.expandtabs()
        print("    " + (line if len(line) <= 96 else line[:93] + "..."))


def expect(true, what):
    if not true:
        raise SystemExit(f"demo: {what}")


def ping(host, address, count=1):
    print(f"  {host.name}# ping -c {count} {address}")
    said = host.ping(address, count=count, wait=5)
    show("\n".join(line for line in said.text.splitlines() if "time=" in line or "loss" in line))
    return said


def eroute(gateway):
    print(f"  {gateway.host.name}# ipsec eroute")
    show(gateway.ipsec("eroute").stdout)


def seen(frames, limit):
    """What the internet router saw: one line a packet, and the first octets of its payload."""
    for frame in frames[:limit]:
        print(f"    {frame!r}\n      {DIM}{frame.payload[:24].hex(' ', 4)} ...{OFF}")


def publish(lab, pair):
    title("1. Each gateway's key goes into the reverse DNS (a real NSD), as `ipsec showhostkey` prints it")
    pair.publish()
    print(f"  east# ipsec showhostkey --txt {EAST}\n")
    print(f"    {reverse(DEST)}")
    show(pair.east.key("--txt", EAST))


def encrypted(lab, pair):
    title("2. The first ping from Source to Destination. Neither knows of IPsec.")
    with lab.capture("west") as capture:
        first = ping(lab.source, DEST)
        ping(lab.source, DEST, count=3)
    expect(first, "the first ping was lost")
    frames = capture.frames()
    title("   What the router between the gateways saw")
    print("  before the tunnel: DNS, then IKE")
    for frame in frames.select(lambda f: f.is_dns() or f.is_ike())[:8]:
        print(f"    {frame!r}")
    print("  the pings")
    seen(frames.esp(), 4)
    private = frames.select(lambda f: PIECE in f.data or SOURCE in (f.source, f.destination))
    expect(frames.esp() and not private, "something was seen in the clear")
    print(f"  {len(frames.esp())} ESP packets; Source's address and payload: in none of "
          f"{len(frames)} frames")


def second_client(lab, pair):
    title("3. A TCP transfer with a second client behind the Responder: the same IKE SA, a tunnel more")
    lab.second.serve("tcp", 7000)
    # On the wire all frames are smaller; inside only the beginnings are looked at.
    with lab.capture("west", 2048) as capture, lab.Capture(lab.source, "lan", 256) as here:
        said = lab.source.talk("tcp", SECOND, 7000, 4_000_000)
    expect(said["connected"] and said["same"], f"the transfer failed: {said}")
    exchanges = sorted({frame.ike_exchange() for frame in capture.frames().ike()})
    print(f"  4 000 000 octets there and back: connected in {said['connect_ms']:.1f} ms, "
          f"{len(here.frames().syns())} SYN, {said['seconds']:.2f} s in all")
    print(f"  IKE on the wire: {', '.join(exchanges)}")
    expect(not capture.frames().with_octets(PIECE), "something was seen in the clear")


def stranger(lab, pair):
    title("4. A stranger without any record is reached in the clear")
    with lab.capture("stranger") as capture:
        first = ping(lab.source, STRANGER, count=3)
    expect(first, "a ping to the stranger was lost")
    seen(capture.frames().between(SOURCE, STRANGER), 2)


def tables(pair):
    title("5. What the gateways decided")
    eroute(pair.west)
    eroute(pair.east)


def reasons(pair):
    title("6. Why")
    for address in (DEST, STRANGER):
        print(f"  west# ipsec why {address} from {SOURCE}")
        show(pair.west.ipsec("why", address, "from", SOURCE).stdout)


def main():
    began = time.monotonic()
    with Lab() as lab:
        print(TOPOLOGY)
        pair = Pair(lab, HostKeys(lab.dir / "keys"))
        publish(lab, pair)
        pair.start()
        encrypted(lab, pair)
        second_client(lab, pair)
        stranger(lab, pair)
        tables(pair)
        reasons(pair)
        pair.stop()
    print(f"\n{BOLD}Done{OFF} in {time.monotonic() - began:.1f} s; "
          "the namespaces and everything in them are gone.")


try:
    main()
except KeyboardInterrupt:
    raise SystemExit("\ndemo: interrupted; the namespaces and everything in them are gone")
