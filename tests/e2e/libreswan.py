"""libreswan in the guest: Debian's pluto with the kernel's ESP (see guest.py).

It is a neighbour of the lab's internet, PEER, and has an inside address of its own, PEER_IN. Its `_updown` script
is left out (leftupdown=%disabled): it is slow there and does nothing that these tests want.
"""
import re
import shutil

from guest import MODULES, Guest, Image
from lab import BUILD, UNBOUND, until

ROOT = BUILD / "peers" / "libreswan"
PEER, PEER_IN, PEER_LAN = "198.18.4.1", "198.19.4.1", "198.19.4.0/24"
ROUTER = "198.18.4.254"

PROGRAMS = "pluto whack addconn rsasigkey showhostkey".split()
LOADED = "libsoftokn3.so libfreeblpriv3.so libnss_files.so.2 libnss_dns.so.2".split()

SETUP = """
config setup
	logfile=/tmp/pluto.log
	logappend=yes
	logtime=no
	virtual-private=
	dnssec-enable=yes
	dnssec-rootkey-file=/etc/anchor
	uniqueids=no
"""

PING = "ping -c {count} -W {wait} {address}"


class Libreswan:
    """The guest of a lab with pluto in it."""

    def __init__(self, lab):
        self.lab = lab
        image = Image(lab.dir / "guest", [ROOT])
        image.busybox()
        image.modules(MODULES)
        for name in PROGRAMS:
            image.program(ROOT / "usr/libexec/ipsec" / name, f"usr/libexec/ipsec/{name}")
        image.program(ROOT / "usr/bin/certutil", "usr/bin/certutil")
        image.program(shutil.which("ip"), "usr/sbin/ip")
        for name in LOADED:
            image.library(name)
        image.write("etc/hosts", "127.0.0.1 localhost\n")
        image.write("etc/resolv.conf", f"nameserver {UNBOUND}\n")
        image.write("etc/passwd", "root:x:0:0:root:/:/bin/sh\n")
        image.write("etc/nsswitch.conf", "hosts: files dns\n")
        self.guest = Guest(lab.internet, image.pack(lab.dir / "guest.cpio"), "peer")
        lab.address(lab.internet, "peer", [f"{ROUTER}/24"])
        lab.internet.ip("route", "add", PEER_LAN, "via", PEER)
        self.run(f"""ip addr add {PEER}/24 dev eth0; ip addr add {PEER_IN}/32 dev lo
ip route add default via {ROUTER}
mkdir -p /var/lib/ipsec/nss /etc/ipsec.d/policies /run/pluto
certutil -N -d sql:/var/lib/ipsec/nss --empty-password
rsasigkey 3072""", timeout=180)
        self.ckaid = re.search(r"ckaid: ([0-9a-f]+)", self.run("showhostkey --list")).group(1)

    def run(self, line, **more):
        return self.guest.run(line, **more)

    def public_key(self):
        """As leftrsasigkey= has it."""
        said = self.run(f"showhostkey --left --ckaid {self.ckaid}")
        return re.search(r"leftrsasigkey=(0s\S+)", said).group(1)

    def configure(self, text, secrets="", anchor="", **groups):
        """ipsec.conf, ipsec.secrets, and policy groups: private_or_clear=["198.18.1.1/32"]."""
        self.guest.write("/etc/ipsec.conf", SETUP + text)
        self.guest.write("/etc/ipsec.secrets", secrets)
        self.guest.write("/etc/anchor", anchor)
        self.run("rm -f /etc/ipsec.d/policies/*")
        for name, networks in groups.items():
            self.guest.write(f"/etc/ipsec.d/policies/{name.replace('_', '-')}",
                             "\n".join(networks))

    def start(self, *conns):
        """Returns when all these conns are loaded and pluto listens."""
        self.run("rm -f /tmp/pluto.log; pluto --config /etc/ipsec.conf --nofork >/dev/null 2>&1 &")
        for conn in conns:
            until(f"pluto has {conn}", lambda: f'"{conn}"' in self.whack("--status", check=False),
                  timeout=30)
        until("pluto listens", lambda: f"eth0 {PEER}" in self.whack("--status", check=False)
              or PEER in self.whack("--status", check=False), timeout=30)

    def stop(self, number=15):
        """SIGTERM deletes its SAs; 9 leaves the kernel's state behind, as a crash does."""
        self.run(f"""pid=$(pidof pluto) && kill -{number} $pid && while [ -e /proc/$pid ]; do
sleep 0.1; done; rm -f /run/pluto/*""", check=False)

    def forget(self):
        """Nothing of earlier tests is left in the kernel."""
        self.stop()
        self.flush()

    def flush(self):
        """As ipsec(8) does before pluto starts. (By its path: the shell prefers busybox's own ip.)"""
        self.run("/usr/sbin/ip xfrm state flush && /usr/sbin/ip xfrm policy flush")

    def whack(self, *words, check=True, timeout=60):
        return self.run("whack " + " ".join(words), check=check, timeout=timeout)

    def up(self, conn):
        return self.whack("--initiate", "--name", conn)

    def traffic(self):
        """Lines of the CHILD SAs that are up, with their octets."""
        return [line for line in self.whack("--trafficstatus", check=False).splitlines()
                if "inBytes" in line]

    def ping(self, address, count=1, wait=5):
        """How many answers."""
        said = self.run(PING.format(count=count, wait=wait, address=address), check=False,
                        timeout=30 + count * (wait + 1))
        return int(re.search(r"(\d+) packets received", said).group(1))

    def log(self):
        """Without what it says of itself at every start."""
        return self.run("cat /tmp/pluto.log", check=False).partition("listening for IKE")[2]
