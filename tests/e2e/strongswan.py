"""strongSwan on one host of the lab: Debian's charon with ESP in userspace (kernel-libipsec).

Its packages are unpacked under build/peers, never installed. The path of its plugins is compiled in, so
each of its processes sees /usr/lib with theirs laid over it, in a mount namespace of its own.

kernel-libipsec needs no ESP in the kernel. It speaks UDP only, tunnels only, and raises no acquires:
traffic waits until `initiate()` or the peer has made a tunnel. Selectors that equal the peer's outer
address it refuses, so both ends have inside addresses.
"""
import os
import re
import signal
import subprocess

from lab import BUILD, run, until

ROOT = BUILD / "peers" / "strongswan"
OVERLAY = 'mount -t overlay -o "lowerdir=$0/usr/lib:/usr/lib" overlay /usr/lib && exec "$@"'

# kernel-libipsec comes before kernel-netlink, which keeps the routes.
PLUGINS = """random nonce openssl curve25519 gcm chapoly aes sha1 sha2 hmac kdf pem pkcs1 pkcs8 pubkey
    x509 mgf1 constraints revocation drbg kernel-libipsec kernel-netlink socket-default vici""".split()

# For both programs; {dir} is the daemon's own.
SETTINGS = """
charon-systemd {{
  install_virtual_ip = no
  retransmit_tries = 3
  retransmit_timeout = 1
  retransmit_base = 1.5
  load = {plugins}
  plugins {{
    vici {{
      socket = unix://{dir}/vici
    }}
  }}
  filelog {{
    file {{
      path = {dir}/charon.log
      time_format = %H:%M:%S
      default = 1
      cfg = 2
      flush_line = yes
    }}
  }}
  journal {{
    default = -1
  }}
  {more}
}}
swanctl {{
  load = pem pkcs1 pkcs8 pubkey x509 openssl curve25519 random nonce
  plugins {{
    vici {{
      socket = unix://{dir}/vici
    }}
  }}
}}
"""


class Strongswan:
    """charon and its swanctl.conf, written by configure()."""

    def __init__(self, host):
        self.host = host
        self.dir = host.lab.dir / f"{host.name}-strongswan-{host.lab.number()}"
        for kind in ("private", "pubkey", "x509", "x509ca", "x509crl"):
            (self.dir / kind).mkdir(parents=True)
        self.process = None
        self.settings("")
        self.env = {**os.environ, "STRONGSWAN_CONF": str(self.dir / "strongswan.conf"),
                    "SWANCTL_DIR": str(self.dir)}

    def settings(self, more):
        """More lines for charon's own section of strongswan.conf; before start()."""
        (self.dir / "strongswan.conf").write_text(SETTINGS.format(
            dir=self.dir, more=more, plugins=" ".join(PLUGINS)))

    def overlaid(self, program):
        return ["sh", "-c", OVERLAY, ROOT, ROOT / "usr/sbin" / program]

    def start(self):
        with open(self.dir / "stderr", "a") as log:
            self.process = self.host.start(*self.overlaid("charon-systemd"), env=self.env,
                                           stdout=log, stderr=log)
        until("charon listens", lambda: (self.dir / "vici").is_socket(), timeout=10)
        if (self.dir / "swanctl.conf").exists():
            self.load()

    def stop(self, number=signal.SIGTERM):
        """SIGTERM: charon deletes its IKE SAs first. SIGKILL: it does not."""
        if self.process is None:
            return
        self.process.send_signal(number)
        self.process.wait(timeout=10)
        self.process = None
        (self.dir / "vici").unlink(missing_ok=True)

    def swanctl(self, *words, check=True, timeout=20):
        done = self.host.run(*self.overlaid("swanctl"), *words, check=False, timeout=timeout,
                             env=self.env)
        assert not check or done.returncode == 0, f"{done.stdout}{done.stderr}{self.log()[-3000:]}"
        return done

    def configure(self, text):
        """A new swanctl.conf; SAs that are up stay."""
        (self.dir / "swanctl.conf").write_text(text)
        if self.process is not None:
            self.load()

    def load(self):
        self.swanctl("--load-all", "--file", self.dir / "swanctl.conf", "--clear")

    def initiate(self, child, check=True):
        return self.swanctl("--initiate", "--child", child, "--timeout", "10", check=check)

    def sas(self):
        return self.swanctl("--list-sas").stdout

    def children(self):
        """Lines of the CHILD SAs that are up."""
        return re.findall(r"^ +\S+: #\d+, reqid \d+, INSTALLED.*", self.sas(), re.M)

    def log(self):
        path = self.dir / "charon.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # Keys

    def key(self, name, *kind):
        """A new private key with the openssl command's words for genpkey; returns its PEM file."""
        path = self.dir / "private" / f"{name}.pem"
        run("openssl", "genpkey", *kind, "-out", path.as_posix())
        run("openssl", "pkey", "-in", path.as_posix(), "-pubout", "-out",
            (self.dir / "pubkey" / f"{name}.pem").as_posix())
        return path
