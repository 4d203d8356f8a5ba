"""Who has the secrets of ipsec.secrets in memory: the signer, and nobody else."""
import base64
import os
import re
import signal
import time

import pytest

from gateway import HOWTO, SETUP
from lab import until

PSK = "knock-{}-knock-{}"  # put together late: this text is in no file as it stands


def psk(name):
    return PSK.format(name, name * 2)


def memory_of(pid):
    """All that is mapped and can be read."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if not found or "[vvar" in line or "[vsyscall" in line:
                continue
            start, end = (int(number, 16) for number in found.groups())
            try:
                mem.seek(start)
                yield mem.read(end - start)
            except (OSError, ValueError):
                continue


def holds(pid, octets):
    return any(octets in piece for piece in memory_of(pid))


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
        return [int(child) for child in file.read().split()]


def family(gateway):
    """Daemon, keeper, signer."""
    daemon = gateway.pid()
    keeper, = children(daemon)
    signer, = children(keeper)
    return daemon, keeper, signer


def write_secrets(gateway, *secrets):
    """The host key stays; shared secrets come and go."""
    path = gateway.confs / "ipsec.secrets"
    kept = [line for line in path.read_text().splitlines() if "PSK" not in line]
    path.write_text("\n".join(kept + [f'10.9.9.9 : PSK "{secret}"' for secret in secrets]) + "\n")


def private_octets(gateway):
    """What only the holder of the RSA key has: a run of octets of its PEM file, as text and not."""
    for path in (gateway.confs / "ipsec.d" / "private").iterdir():
        lines = [line for line in path.read_text().splitlines() if not line.startswith("-")]
        text = "".join(lines)
        octets = base64.b64decode(text)
        # Behind the modulus: the private exponent and the primes.
        yield octets[len(octets) // 2:len(octets) // 2 + 24]
        yield lines[len(lines) // 2].encode()[:48]


@pytest.fixture(scope="module")
def west(idle_pair):
    gateway = idle_pair.west
    write_secrets(gateway, psk("a"))
    gateway.start()
    return gateway


def check(gateway, *gone_and_here):
    daemon, keeper, signer = family(gateway)
    for octets in private_octets(gateway):
        assert not holds(daemon, octets)
        assert not holds(keeper, octets)
    for name in gone_and_here:
        assert not holds(daemon, psk(name).encode()), name
        assert not holds(keeper, psk(name).encode()), name
    for name in gone_and_here[:-1]:
        assert not holds(signer, psk(name).encode()), f"{name} was replaced"
    # So this test can find what it looks for.
    assert holds(signer, psk(gone_and_here[-1]).encode())


def test_after_start_only_the_signer_has_them(west):
    check(west, "a")


def test_after_a_reload_only_the_signer_has_them(west):
    write_secrets(west, psk("b"))
    west.ipsec("reload")
    check(west, "a", "b")


def reloads(gateway):
    return gateway.log().count("reloaded: ")


@pytest.mark.parametrize("to", ["daemon", "keeper"])
def test_sighup_reads_configuration_and_secrets_anew(west, to):
    name = to[0] + "x"
    before = reloads(west)
    write_secrets(west, psk(name))
    west.configure(SETUP, HOWTO, f"\nconn {to}\n\tleft=%defaultroute\n\tright=192.0.2.77\n"
                                 "\tauthby=secret\n\tauto=add\n")
    daemon, keeper, _ = family(west)
    os.kill(daemon if to == "daemon" else keeper, signal.SIGHUP)
    until("the daemon has reloaded", lambda: reloads(west) > before)
    assert to in {conn["name"] for conn in west.json("auto", "--status")}
    check(west, "b", name)


def test_sighup_with_an_error_changes_nothing(west):
    (west.confs / "ipsec.conf").write_text("conn bad\n\tleft=%sausage\n")
    before = west.json("auto", "--status")
    os.kill(west.pid(), signal.SIGHUP)
    until("the daemon has said so", lambda: "the running configuration stays" in west.log())
    assert "%sausage" in west.log()
    assert west.json("auto", "--status") == before
    west.configure(SETUP, HOWTO)


def test_a_reload_that_is_refused_changes_no_secrets(west):
    """The resolver is the last to say no; by then the signer must not have them."""
    write_secrets(west, psk("kept"))
    west.ipsec("reload")
    anchor = west.confs / "anchor"
    anchor.write_text(". IN DS this is none\n")
    write_secrets(west, psk("refused"), psk("kept"))
    west.configure(SETUP.replace("dnssec=off", f"trust-anchor={anchor}"), HOWTO)
    done = west.ipsec("reload", check=False)
    assert done.returncode != 0 and "anchor" in done.stderr
    check(west, "refused", "kept")
    west.configure(SETUP, HOWTO)


@pytest.mark.parametrize("to", ["daemon", "keeper"])
def test_a_storm_of_sighup_is_a_few_reloads(west, to):
    def count():
        """With what the log left out."""
        lines = [line for line in west.log().splitlines() if "reloaded: " in line]
        return len(lines) + sum(int(n) for n in re.findall(r"\(and (\d+) like it\)", "\n".join(lines)))

    before = count()
    daemon, keeper, _ = family(west)
    for _ in range(400):
        os.kill(daemon if to == "daemon" else keeper, signal.SIGHUP)
        time.sleep(0.0005)
    west.ipsec("reload", timeout=5)
    time.sleep(1.5)  # a line of the log tells how many like it were left out before
    west.ipsec("reload", timeout=5)
    assert before + 2 < count() < before + 100


def status(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(re.findall(r"^(\w+):\s*(.*)$", file.read(), re.M))


def test_each_process_has_what_it_needs_and_no_more(west):
    daemon, keeper, signer = (status(pid) for pid in family(west))
    net_admin_and_raw, read_all = 1 << 12 | 1 << 13, 1 << 2
    assert int(daemon["CapPrm"], 16) == net_admin_and_raw
    assert int(keeper["CapPrm"], 16) in (read_all, 0)
    assert int(signer["CapPrm"], 16) == 0
    users = [process["Uid"].split()[1] for process in (daemon, keeper, signer)]
    assert users[1] == "0" and len(set(users)) == 3
    for process in (daemon, keeper, signer):
        assert (process["NoNewPrivs"], process["Seccomp"]) == ("1", "2"), process["Name"]
        assert process["CapBnd"] == process["CapPrm"] or int(process["CapBnd"], 16) == 0


def test_nobody_can_look_at_them_but_root(west):
    for pid in family(west):
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0  # not dumpable
        with open(f"/proc/{pid}/limits", encoding="utf-8") as limits:
            assert re.search(r"^Max core file size\s+0\s+0", limits.read(), re.M)


@pytest.mark.parametrize("which", ["keeper", "signer"])
def test_without_keeper_or_signer_the_daemon_gives_up_and_leaves_blocks(west, which):
    if not (west.rundir / "wildswan.pid").exists():
        west.start()
    pids = family(west)
    os.kill(pids[1] if which == "keeper" else pids[2], signal.SIGKILL)
    until("all three have ended", lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))
    assert "wildswan" in west.tables()
    west.start()


def test_the_three_end_together(west):
    pids = family(west)
    west.stop()
    until("all three have ended", lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))
    assert list(west.rundir.glob("*.pid")) == []
