"""A guest in QEMU, for peers that want a kernel with ESP: Debian's kernel, and an initramfs with busybox,
a few modules and the programs that a test names. No KVM is needed. It boots in about ten seconds.

The guest is one more neighbour of the lab's internet: its eth0 is a tap device there. run() runs a line of shell
in it over the serial port.
"""
import os
import pathlib
import re
import select
import shutil
import subprocess
import time

from lab import BUILD, run

ROOT = BUILD / "peers" / "qemu"

MODULES = """e1000 xfrm_user esp4 esp6 xfrm4_tunnel xfrm_interface ctr gcm ghash-generic authenc
    authencesn drbg jitterentropy_rng seqiv echainiv chacha20poly1305 poly1305_generic chacha_generic
    sha512_generic""".split()

INIT = """#!/bin/sh
export PATH=/usr/libexec/ipsec:/usr/sbin:/usr/bin HOME=/ TERM=dumb
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
for module in $(cat /modules); do modprobe "$module"; done
ip link set lo up
ip link set eth0 up
exec 3<>/dev/ttyS1
stty raw -echo <&3
echo the guest is up >&3
sh -c '. /dev/ttyS1' </dev/null >&3 2>&1  # sourced: no prompt, no line editing
"""


class Image:
    """An initramfs that grows in a directory; libraries come with their programs."""

    def __init__(self, directory, trees):
        self.dir, self.trees = directory, trees
        shutil.rmtree(self.dir, ignore_errors=True)
        for name in ("proc sys dev tmp run etc var/lib usr/bin usr/sbin usr/lib "
                     "usr/lib64").split():
            (self.dir / name).mkdir(parents=True, exist_ok=True)
        for name in "bin sbin lib lib64".split():
            (self.dir / name).symlink_to(f"usr/{name}")
        self.libraries = ":".join(str(path) for tree in trees
                                  for path in sorted((tree / "usr/lib").glob("*-linux-gnu*")))

    def write(self, path, text, mode=0o644):
        target = self.dir / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def copy(self, source, path):
        target = self.dir / path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)

    def library(self, name):
        """One that is loaded at run time, by its file name."""
        for tree in [*self.trees, pathlib.Path("/")]:
            for found in sorted((tree / "usr/lib").glob(f"*-linux-gnu*/**/{name}")):
                self.program(found, f"usr/lib/{name}")
                return
        raise AssertionError(f"no library {name}")

    def program(self, source, path):
        self.copy(source, path)
        said = run("ldd", str(source), check=False,
                   env={**os.environ, "LD_LIBRARY_PATH": self.libraries}).stdout
        assert "not found" not in said, said
        for library in re.findall(r"(/\S+) \(0x", said):
            where = library if "ld-linux" in library else f"/usr/lib/{pathlib.Path(library).name}"
            self.copy(library, where.lstrip("/"))

    def modules(self, names):
        """Kernel modules with what they need."""
        tree = next((ROOT / "usr/lib/modules").iterdir())
        busybox = str(ROOT / "usr/bin/busybox")
        needs = {}
        run(busybox, "depmod", "-b", str(ROOT / "usr"), tree.name)
        for line in (tree / "modules.dep").read_text().splitlines():
            path, _, rest = line.partition(":")
            needs[pathlib.Path(path).name.partition(".")[0].replace("-", "_")] = [path,
                                                                                *rest.split()]
        for name in names:
            for path in needs[name.replace("-", "_")]:
                self.copy(tree / path, f"usr/lib/modules/{tree.name}/{path}")
        run(busybox, "depmod", "-b", str(self.dir), tree.name)
        self.write("modules", "\n".join(names))

    def busybox(self):
        self.copy(ROOT / "usr/bin/busybox", "usr/bin/busybox")
        for name in run(str(ROOT / "usr/bin/busybox"), "--list").stdout.split():
            link = self.dir / "usr/bin" / name
            if not link.exists():
                link.symlink_to("busybox")
        (self.dir / "usr/sbin/modprobe").symlink_to("../bin/busybox")  # the kernel looks there
        self.write("init", INIT, 0o755)

    def pack(self, target):
        """A newc archive."""
        find = subprocess.Popen(["find", "."], cwd=self.dir, stdout=subprocess.PIPE)
        with open(target, "wb") as out:
            subprocess.run([ROOT / "usr/bin/busybox", "cpio", "-o", "-H", "newc"], cwd=self.dir,
                           stdin=find.stdout, stdout=out, stderr=subprocess.DEVNULL, check=True)
        find.wait()
        return target


class Guest:
    """A booted guest. `host` is the namespace that its tap device `device` appears in."""

    def __init__(self, host, image, device):
        self.host, self.dir, self.text, self.count = host, host.lab.dir, "", 0
        library = next((ROOT / "usr/lib").glob("*-linux-gnu*"))
        kernel = next((ROOT / "boot").glob("vmlinuz-*"))
        self.process = host.start(
            ROOT / "usr/bin/qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max",
            "-smp", "1", "-m", "512", "-nodefaults", "-no-user-config", "-display", "none",
            "-no-reboot", "-L", ROOT / "usr/share/qemu", "-L", ROOT / "usr/share/seabios",
            "-kernel", kernel, "-initrd", image,
            "-append", "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable random.trust_cpu=on",
            "-serial", f"file:{self.dir}/guest.log", "-serial", "stdio",
            "-netdev", f"tap,id=net,ifname={device},script=no,downscript=no",
            "-device", "e1000,netdev=net,romfile=",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "LD_LIBRARY_PATH": str(library)}, bufsize=0)
        self.wait("the guest is up", 300)

    def wait(self, mark, seconds):
        """What the guest says until a line with the mark."""
        end = time.monotonic() + seconds
        while (match := re.search(f"^{mark}.*\n", self.text, re.M)) is None:
            ready = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]
            octets = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            assert octets, f"the guest is silent: {self.text[-2000:]}{self.console()[-2000:]}"
            self.text += octets.decode(errors="replace").replace("\r", "")
        said, self.text = self.text[:match.start()], self.text[match.end():]
        return said, match.group(0)

    def run(self, line, check=True, timeout=60):
        """Runs shell in the guest; returns what it printed."""
        self.count += 1
        mark = f"=={self.count}=="
        self.process.stdin.write(f"{line}\necho {mark} $?\n".encode())
        said, last = self.wait(mark, timeout)
        assert not check or last.split()[-1] == "0", f"in the guest: {line}\n{said}{last}"
        return said

    def write(self, path, text):
        self.run(f"mkdir -p $(dirname {path}); cat >{path} <<'==end=='\n{text}\n==end==")

    def console(self):
        path = self.dir / "guest.log"
        return path.read_text(errors="replace") if path.exists() else ""
