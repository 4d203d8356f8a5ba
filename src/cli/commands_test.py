#!/usr/bin/env python3
"""The `ipsec` commands that need no daemon and no network: run, and looked at from outside."""
import base64
import json
import os
import pathlib
import re
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import unittest

IPSEC = sys.argv.pop(1)


class Gateway(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="ws")
        self.confs = pathlib.Path(self.temporary.name) / "confs"
        self.rundir = pathlib.Path(self.temporary.name) / "run"
        self.confs.mkdir()
        self.rundir.mkdir()

    def tearDown(self):
        self.temporary.cleanup()

    def ipsec(self, *words):
        environment = dict(os.environ, IPSEC_CONFS=str(self.confs), IPSEC_RUNDIR=str(self.rundir))
        return subprocess.run([IPSEC, *words], env=environment, capture_output=True, text=True,
                              timeout=60)

    def done(self, *words):
        result = self.ipsec(*words)
        self.assertEqual((result.returncode, result.stderr), (0, ""), words)
        return result.stdout

    def refused(self, status, *words):
        """The one line that says why."""
        result = self.ipsec(*words)
        self.assertEqual((result.returncode, result.stdout), (status, ""), words)
        self.assertRegex(result.stderr, r"\Aipsec: [^\n]+\n\Z")
        return result.stderr[len("ipsec: "):-1]

    def write(self, name, text, mode=0o600):
        path = self.confs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)


class Words(Gateway):
    def test_output_that_is_lost_is_no_success(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([IPSEC, "version"], stdout=full, stderr=subprocess.PIPE,
                                    text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("No space left", result.stderr)

    def test_help_lists_every_command_and_each_has_its_own(self):
        commands = re.findall(r"^  ipsec (\w+)", self.done("--help"), re.M)
        for name in ("status", "reload", "auto", "eroute", "look", "showhostkey", "newhostkey",
                     "version"):
            self.assertIn(name, commands)
        for name in commands:
            self.assertTrue(self.done(name, "--help").startswith(f"ipsec {name}"))

    def test_version_is_told(self):
        self.assertRegex(self.done("version"), r"\Awildswan \d+\.\d+\.\d+\n\Z")

    def test_wrong_words_are_status_2_and_say_what_to_write(self):
        cases = [
            ([], "--help"),
            (["statsu"], "the nearest is ipsec status"),
            (["version", "x"], "x is not understood"),
            (["status", "--jsn"], "write ipsec status [--json]"),
            (["auto"], "write ipsec auto --add"),
            (["auto", "--up"], "its name is missing"),
            (["auto", "--up", "a", "b"], "one action and one conn"),
            (["auto", "--up", "--down", "a"], "one action and one conn"),
            (["showhostkey", "--txt"], "--txt takes a gateway's address"),
            (["showhostkey", "--txt", "example.net"], "--txt takes a gateway's address"),
            (["showhostkey", "--txt", "127.0.0.1"], "--txt takes a gateway's address"),
            (["showhostkey", "--ipseckey", "a..b"], "--ipseckey takes"),
            (["showhostkey", "--precedence", "65536"], "--precedence takes a number"),
            (["showhostkey", "--ipseckey", "--precedence", "256"], "at most 255"),
            (["showhostkey", "--type", "dsa"], "--type is rsa, ed25519 or ecdsa"),
            (["showhostkey", "--type", "ed25519"], "use --ipseckey"),
            (["showhostkey", "--owner", "a b"], "--owner takes a domain name"),
            (["newhostkey", "--bits", "1024"], "--bits is a multiple of 8 from 2048"),
            (["newhostkey", "--bits", "99999"], "--bits is a multiple of 8 from 2048"),
            (["newhostkey", "--type", "dsa"], "--type is rsa, ed25519 or ecdsa"),
            (["newhostkey", "--type", "ed25519", "--bits", "3072"], "leave --bits out"),
            (["newhostkey", "west"], "west is not understood"),
            (["eroute", "--verbos"], "--verbos is not understood"),
            (["verify", "west"], "west is no address"),
            (["verify", "--jsn"], "--jsn is not understood"),
            (["auto", "west"], "west is not understood"),
            (["eroute", "--del"], "two addresses are needed"),
            (["eroute", "--del", "192.0.2.1"], "two addresses are needed"),
            (["eroute", "--try", "192.0.2.1", "example.net"], "two addresses are needed"),
            (["eroute", "--del", "192.0.2.0/24", "192.0.2.1"], "two addresses are needed"),
            (["eroute", "--clear", "192.0.2.1"], "192.0.2.1 is not understood"),
            (["eroute", "--clear", "--del"], "one action at a time"),
            (["forget"], "which address?"),
            (["forget", "example.net"], "example.net is no address"),
            (["forget", "192.0.2.1", "192.0.2.2"], "192.0.2.2 is not understood"),
            (["why"], "about which address?"),
            (["why", "example.net"], "example.net is no address"),
            (["why", "192.0.2.1", "192.0.2.2"], "192.0.2.2 is not understood"),
            (["why", "192.0.2.1", "from"], "from takes an address"),
            (["why", "192.0.2.1", "from", "2001:db8::1"], "both addresses must be of one family"),
            (["why", "192.0.2.1", "proto", "tcpp"], "proto takes a protocol's name or number"),
            (["why", "192.0.2.1", "proto", "256"], "proto takes a protocol's name or number"),
            (["why", "192.0.2.1", "proto", "tcp", "port", "65536"], "port takes a number"),
            (["why", "192.0.2.1", "port", "80"], "port needs proto before it"),
            (["why", "192.0.2.1", "--tyr"], "--tyr is not understood"),
        ]
        for words, why in cases:
            self.assertIn(why, self.refused(2, *words))
        self.assertEqual(list(self.confs.iterdir()), [])

    def test_no_command_takes_words_it_does_not_know(self):
        for name in re.findall(r"^  ipsec (\w+)", self.done("--help"), re.M):
            for words in (["--nonsense"], ["--nonsense", "x"], ["-x"], ["non/sense"],
                          ["non/sense", "too"], ["--json=1"], [""], ["\x1b[31m"]):
                if name == "auto" and not words[0].startswith("-"):
                    words = ["--up", "a", *words]
                why = self.refused(2, name, *words)
                self.assertRegex(why, rf"; write ipsec {name}")
                self.assertRegex(why, r"not understood|is no address|too much")
        self.assertEqual(list(self.confs.iterdir()), [])

    def test_without_a_daemon_questions_are_status_3(self):
        for words in (["status"], ["eroute", "--json"], ["look"], ["auto", "--status"],
                      ["auto", "--up", "west"], ["why", "192.0.2.1"],
                      ["why", "192.0.2.1", "--try"]):
            self.assertIn("start it with: ipsec start", self.refused(3, *words))


class HostKeys(Gateway):
    def test_a_new_key_is_rsa_3072_and_only_the_owners(self):
        self.assertIn("RSA 3072 bits", self.done("newhostkey"))
        secrets = self.confs / "ipsec.secrets"
        private = self.confs / "ipsec.d" / "private"
        self.assertRegex(secrets.read_text(), r"\A: RSA rsa-[0-9a-f]{8}\.pem\n\Z")
        for path, mode in [(secrets, 0o600), (private, 0o700), (next(private.iterdir()), 0o600)]:
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), mode, path)

    def test_a_second_key_of_a_type_must_be_the_next(self):
        self.done("newhostkey", "--bits", "2048")
        before = (self.confs / "ipsec.secrets").read_text()
        self.assertIn("--next", self.refused(1, "newhostkey", "--bits", "2048"))
        self.assertIn("leave --next out", self.refused(1, "newhostkey", "--type", "ed25519",
                                                       "--next"))
        self.assertEqual((self.confs / "ipsec.secrets").read_text(), before)
        self.done("newhostkey", "--type", "ed25519")
        self.done("newhostkey", "--bits", "2048", "--next")
        self.assertIn("already", self.refused(1, "newhostkey", "--bits", "2048", "--next"))
        kinds = re.findall(r"^: (\S+) ", (self.confs / "ipsec.secrets").read_text(), re.M)
        self.assertEqual(kinds, ["RSA", "ED25519", "RSA-NEXT"])
        keys = json.loads(self.done("showhostkey", "--ipseckey", "--json"))
        self.assertEqual([(k["type"], k["bits"], k["next"]) for k in keys],
                         [("rsa", 2048, False), ("ed25519", 256, False), ("rsa", 2048, True)])

    def test_rollover_takes_the_next_key_into_use_and_keeps_the_old_one(self):
        self.done("newhostkey", "--bits", "2048")
        self.assertIn("no next key", self.refused(1, "auto", "--rollover"))
        self.done("newhostkey", "--type", "ed25519")
        self.done("newhostkey", "--bits", "2048", "--next")
        secrets = self.confs / "ipsec.secrets"
        secrets.write_text("# mine\n" + secrets.read_text() + '192.0.2.1 : PSK "x"')
        secrets.chmod(0o400)
        comment, old, other, new, psk = secrets.read_text().split("\n")
        before = self.done("showhostkey", "--next", "--key")
        self.assertIn("no next key", self.refused(1, "auto", "--rollover", "--type", "ed25519"))
        self.done("auto", "--rollover", "--type", "rsa")
        self.assertEqual(secrets.read_text().split("\n"),
                         [comment, new.replace("-NEXT", ""), old, other, psk])
        self.assertEqual(stat.S_IMODE(secrets.stat().st_mode), 0o400)
        keys = json.loads(self.done("showhostkey", "--key", "--json"))
        self.assertEqual([k["next"] for k in keys], [False, False])
        self.assertIn(keys[0]["records"][0], before)
        self.assertIn("no next key", self.refused(1, "auto", "--rollover"))
        self.assertIn("no such next key", self.refused(1, "showhostkey", "--next", "--key"))

    def test_rollover_follows_a_link_to_the_secrets(self):
        store = self.confs / "store"
        store.mkdir()
        (store / "secrets").write_text(": RSA old.pem\n: RSA-NEXT new.pem\n")
        (store / "secrets").chmod(0o600)
        link = self.confs / "ipsec.secrets"
        link.unlink(missing_ok=True)
        link.symlink_to("store/secrets")
        self.done("auto", "--rollover")
        self.assertTrue(link.is_symlink())
        self.assertEqual((store / "secrets").read_text(), ": RSA new.pem\n: RSA old.pem\n")
        self.assertEqual([p.name for p in store.iterdir()], ["secrets"])

    def test_rollover_puts_the_next_key_before_an_inline_one(self):
        self.write("ipsec.secrets", ": RSA {\n\tModulus: 0x01\n\t}\n: RSA-NEXT\tnew.pem")
        self.done("auto", "--rollover")
        self.assertEqual((self.confs / "ipsec.secrets").read_text(),
                         ": RSA\tnew.pem\n: RSA {\n\tModulus: 0x01\n\t}\n")

    def test_rollover_takes_all_of_an_inline_key_along(self):
        self.write("ipsec.secrets", ": RSA old.pem\n: PSK \"x\"\n: RSA-NEXT {\n\tModulus: 0x01\n\t}")
        self.done("auto", "--rollover")
        self.assertEqual((self.confs / "ipsec.secrets").read_text(),
                         ": RSA {\n\tModulus: 0x01\n\t}\n: RSA old.pem\n: PSK \"x\"\n")

    def test_an_entry_is_appended_behind_what_is_there(self):
        self.write("ipsec.secrets", '# mine\n192.0.2.1 : PSK "x"')
        self.done("newhostkey", "--type", "ed25519")
        self.assertRegex((self.confs / "ipsec.secrets").read_text(),
                         r'\A# mine\n192.0.2.1 : PSK "x"\n: ED25519 \S+\n\Z')

    def test_key_is_printed_as_the_howto_has_it(self):
        self.done("newhostkey", "--bits", "2048")
        lines = self.done("showhostkey").splitlines()
        self.assertEqual(len(lines), 2)
        host = re.escape(socket.gethostname())
        self.assertRegex(lines[0], rf"\A; RSA 2048 bits   {host}   \w{{3}} \w{{3}} [ \d]\d "
                                   r"\d\d:\d\d:\d\d \d{4}\Z")
        match = re.fullmatch(r"\tIN KEY 16896 4 1 (AwEAA[A-Za-z0-9+/]+=*)", lines[1])
        octets = base64.b64decode(match[1])
        self.assertEqual((octets[:4], len(octets)), (b"\x03\x01\x00\x01", 4 + 256))
        self.assertEqual(self.done("showhostkey", "--key").splitlines()[1], lines[1])

    def test_txt_is_split_and_carries_the_same_key(self):
        self.done("newhostkey", "--bits", "3072")
        key = self.done("showhostkey").split()[-1]
        for gateway in ("192.0.2.1", "@west.example.net"):
            line = self.done("showhostkey", "--txt", gateway, "--precedence", "7").splitlines()[1]
            self.assertTrue(line.startswith("\tIN TXT "))
            strings = re.findall(r'"([^"]*)"', line)
            self.assertGreater(len(strings), 1)
            self.assertLessEqual(max(map(len, strings)), 255)
            self.assertEqual("".join(strings), f"X-IPsec-Server(7)={gateway} {key}")

    def test_ipseckey_takes_a_gateway_a_name_or_nothing(self):
        self.done("newhostkey", "--type", "ed25519")
        cases = [
            (["--ipseckey", "192.0.2.1"], r"10 1 4 192\.0\.2\.1"),
            (["--ipseckey", "2001:db8::1"], r"10 2 4 2001:db8::1"),
            (["--ipseckey", "gw.example.net"], r"10 3 4 gw\.example\.net\."),
            (["--ipseckey"], r"10 0 4 \."),
            (["--ipseckey", "--precedence", "3"], r"3 0 4 \."),
            (["--ipseckey", "--type", "ed25519"], r"10 0 4 \."),
        ]
        for words, want in cases:
            line = self.done("showhostkey", *words).splitlines()[1]
            self.assertRegex(line, rf"\A\tIN IPSECKEY {want} [A-Za-z0-9+/]{{43}}=\Z")

    def test_an_owner_is_printed_as_given(self):
        self.done("newhostkey", "--type", "ed25519")
        self.assertTrue(self.done("showhostkey", "--ipseckey", "--owner", "1.2.0.192.in-addr.arpa.")
                        .splitlines()[1].startswith("1.2.0.192.in-addr.arpa."))

    def test_a_type_that_is_not_there_is_told(self):
        self.done("newhostkey", "--type", "ed25519")
        self.assertIn("no RSA key", self.refused(1, "showhostkey"))
        self.assertIn("no RSA key", self.refused(1, "showhostkey", "--ipseckey", "--type", "rsa"))

    def test_without_secrets_it_says_how_to_make_them(self):
        self.assertIn("ipsec newhostkey", self.refused(1, "showhostkey"))

    def test_secrets_that_others_can_read_are_refused(self):
        self.done("newhostkey", "--type", "ed25519")
        key = next((self.confs / "ipsec.d" / "private").iterdir())
        key.chmod(0o644)
        result = self.ipsec("showhostkey", "--ipseckey")
        self.assertEqual(result.returncode, 1)
        self.assertIn("others can read it; chmod 600", result.stderr)
        key.chmod(0o600)
        (self.confs / "ipsec.secrets").chmod(0o640)
        self.assertIn("others can read it; chmod 600", self.refused(1, "showhostkey", "--ipseckey"))

    def test_the_inline_key_of_freeswan_is_shown_and_a_damaged_one_refused(self):
        self.done("newhostkey", "--bits", "2048")
        pem = next((self.confs / "ipsec.d" / "private").iterdir())
        text = subprocess.run(["openssl", "rsa", "-in", pem, "-noout", "-text"], check=True,
                              capture_output=True, text=True).stdout
        numbers = {name: "0x" + re.sub(r"[^0-9a-f]", "", value) for name, value in
                   re.findall(r"^(\w+): *\n((?: +[0-9a-f:]+\n)+)", text, re.M)}
        inline = (": RSA\t{\n"
                  f"\tModulus: {numbers['modulus']}\n\tPublicExponent: 0x10001\n"
                  f"\tPrivateExponent: {numbers['privateExponent']}\n"
                  f"\tPrime1: {numbers['prime1']}\n\tPrime2: {numbers['prime2']}\n"
                  f"\tExponent1: {numbers['exponent1']}\n\tExponent2: {numbers['exponent2']}\n"
                  f"\tCoefficient: {numbers['coefficient']}\n\t}}\n")
        key = self.done("showhostkey").split()[-1]
        self.write("ipsec.secrets", inline)
        self.assertEqual(self.done("showhostkey").split()[-1], key)
        self.write("ipsec.secrets", inline.replace(numbers["prime1"], numbers["prime2"]))
        why = self.refused(1, "showhostkey")
        self.assertIn("do not fit together", why)
        self.assertNotIn(numbers["prime2"][2:20], why)

    def test_a_key_of_another_type_than_its_line_says_is_refused(self):
        self.done("newhostkey", "--type", "ed25519")
        secrets = self.confs / "ipsec.secrets"
        secrets.write_text(secrets.read_text().replace("ED25519", "RSA"))
        self.assertIn("this is no RSA key", self.refused(1, "showhostkey"))


HOWTO = """conn client-to-anyone\t# for our client subnet
\tleftsubnet=10.3.2.0/24\t# any single client in our subnet
\talso=sg-to-anyone\t# rest is same as for SG

conn sg-to-anyone\t# for our Security Gateway
\tleft=%defaultroute\t# our SG (defaults leftnexthop too)
\tright=%opportunistic
\tauthby=rsasig\t# almost always the right choice
\tkeyingtries=2\t# don't be persistent -- peer might disappear
\tauto=route\t# enable at ipsec startup
"""
NOWHERE = "version 2\nconfig setup\n\tinterfaces=%none\n\tdnssec=off\n\tdns=192.0.2.53\n"


class CheckConfig(Gateway):
    def test_what_is_good_is_called_so_and_nothing_is_touched(self):
        self.write("ipsec.conf", NOWHERE + HOWTO, 0o644)
        self.done("newhostkey", "--type", "ed25519")
        before = sorted((str(p), p.stat().st_mtime_ns) for p in self.confs.rglob("*"))
        self.assertEqual(self.done("checkconfig"), f"{self.confs}/ipsec.conf is good: 2 conns\n")
        after = sorted((str(p), p.stat().st_mtime_ns) for p in self.confs.rglob("*"))
        self.assertEqual(before, after)
        self.assertEqual(list(self.rundir.iterdir()), [])

    def test_the_misprint_of_the_howto_is_told_with_its_line(self):
        self.write("ipsec.conf", "\n" * 7 + HOWTO.replace("10.3.2.0/24", "10.3.2.1.0/24"), 0o644)
        self.done("newhostkey", "--type", "ed25519")
        self.assertEqual(self.refused(1, "checkconfig"),
                         "ipsec.conf:9: leftsubnet=10.3.2.1.0/24: an IPv4 address has four "
                         "numbers; write 10.3.2.0/24")

    def test_every_error_is_a_line_and_warnings_are_marked(self):
        self.write("ipsec.conf", NOWHERE + "\tplutodebug=none\n\tplutodbg=all\n" + HOWTO +
                   "include ipsec.d/*.conf\n")
        self.write("ipsec.d/more.conf", "conn x\n\tleft=%defaultroute\n\tleftsubent=10.1.0.0/16\n")
        self.done("newhostkey", "--type", "ed25519")
        result = self.ipsec("checkconfig")
        self.assertEqual((result.returncode, result.stderr.splitlines()), (1, [
            "ipsec: warning: ipsec.conf:6: plutodebug=none: means nothing here and is ignored; "
            "take it out",
            "ipsec: ipsec.conf:7: plutodbg=all: unknown key; the nearest known one is plutodebug",
            "ipsec: ipsec.d/more.conf:3: leftsubent=10.1.0.0/16: unknown key; the nearest known "
            "one is leftsubnet"]))

    def test_missing_things_are_named(self):
        said = self.refused(1, "checkconfig")
        self.assertRegex(said, "ipsec.conf: No such file.*`version 2` alone is good.*IPSEC_CONFS")
        self.write("ipsec.conf", "version 2\n")
        self.assertEqual(self.ipsec("checkconfig").returncode, 0)
        self.write("ipsec.conf", NOWHERE + HOWTO)
        self.assertIn("make one with ipsec newhostkey", self.refused(1, "checkconfig"))
        self.write("ipsec.conf", NOWHERE.replace("dns=", "dns-users=nobody-has-this-name\n\tdns=")
                   + HOWTO)
        self.done("newhostkey", "--type", "ed25519")
        self.assertIn("no user nobody-has-this-name", self.refused(1, "checkconfig"))
        self.write("ipsec.conf", NOWHERE.replace("%none", "ipsec0=nodev0") + HOWTO)
        self.assertIn("the device nodev0 is not there, or has no address yet",
                      self.ipsec("checkconfig").stderr)

    def test_a_policy_file_that_nobody_reads_is_a_warning(self):
        self.write("ipsec.conf", NOWHERE + HOWTO + "conn partners\n\tleft=%defaultroute\n"
                   "\tright=%opportunisticgroup\n\tauto=route\n")
        self.done("newhostkey", "--type", "ed25519")
        for name in ("private", "partners", "private.bak", "block~", ".swp", "clear-or-private"):
            self.write(f"ipsec.d/policies/{name}", "")
        (self.confs / "ipsec.d" / "policies" / "old").mkdir()
        self.done("checkconfig")
        for name, near in (("privat", "private"), ("partner", "partners"), ("Block", "block")):
            self.write(f"ipsec.d/policies/{name}", "192.0.2.7\n")
            result = self.ipsec("checkconfig")
            self.assertEqual(result.returncode, 0)
            self.assertEqual(result.stderr, f"ipsec: warning: ipsec.d/policies/{name}: no group has "
                             f"this name, so nobody reads this file; the nearest is {near}\n")
            (self.confs / "ipsec.d" / "policies" / name).unlink()

    def test_two_conns_for_the_same_addresses_are_refused(self):
        self.write("ipsec.conf", NOWHERE + HOWTO + "conn again\n\talso=client-to-anyone\n")
        self.done("newhostkey", "--type", "ed25519")
        self.assertIn("same addresses", self.refused(1, "checkconfig"))


class Daemon(Gateway):
    """A daemon of three lines: answers each request with what the test gave it."""

    def setUp(self):
        super().setUp()
        self.requests = []
        self.reply = {"ok": True, "result": []}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.rundir / "control.sock"))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rw") as lines:
                first, passed, _, _ = socket.recv_fds(connection, 1, 4)
                line = first.decode() + lines.readline()
                if line:
                    self.requests.append(json.loads(line))
                    self.passed = passed
                    lines.write(json.dumps(self.reply) + "\n")

    def tearDown(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        super().tearDown()

    def test_eroute_prints_the_table_of_the_howto(self):
        def row(packets, source, destination, action, said=None):
            return {"packets": packets, "source": source, "destination": destination,
                    "action": action, "said": said, "conn": "c", "strength": None}
        self.reply["result"] = [
            row(10, "10.2.1.0/24", "0.0.0.0/0", "trap"),
            row(259, "10.2.1.115/32", "10.19.75.161/32", "tunnel", "tun0x1002@10.19.75.145"),
            row(4119, "10.44.73.97/32", "10.114.121.41/32", "pass"),
            row(1, "2001:db8:1:2:3:4:5:6/128", "::/0", "trap"),
        ]
        self.assertEqual(self.done("eroute"),
            "10         10.2.1.0/24        -> 0.0.0.0/0          => %trap\n"
            "259        10.2.1.115/32      -> 10.19.75.161/32    => tun0x1002@10.19.75.145\n"
            "4119       10.44.73.97/32     -> 10.114.121.41/32   => %pass\n"
            "1          2001:db8:1:2:3:4:5:6/128 -> ::/0                     => %trap\n")
        self.assertEqual(json.loads(self.done("eroute", "--json")), self.reply["result"])

    def test_eroute_verbose_tells_age_cause_strength_expiry_and_next(self):
        row = {"packets": 7, "source": "10.2.1.1/32", "destination": "10.3.1.1/32", "conn": "c",
               "age_s": 32, "reason": "no delegation (NXDOMAIN)", "strength": None, "idle_s": 2,
               "confirmed_s": 9, "expires_s": 868, "next": "asked again if used", "next_s": 868,
               "action": "pass", "said": None}
        tunnel = {**row, "action": "tunnel", "said": "tun0x1002@10.3.1.254", "strength": "dnssec",
                  "reason": "negotiated by us", "idle_s": None, "confirmed_s": None,
                  "expires_s": None, "next": None, "next_s": None}
        trap = {**row, "action": "trap", "age_s": None, "reason": "configured", "idle_s": None,
                "confirmed_s": None, "expires_s": None, "next": None, "next_s": None}
        self.reply["result"] = [row, tunnel, trap]
        self.assertEqual(self.done("eroute", "--verbose"),
            "7          10.2.1.1/32        -> 10.3.1.1/32        => %pass\n"
            "           since 32 s by c: no delegation (NXDOMAIN); used 2 s ago; confirmed 9 s "
            "ago; expires in 868 s; next: asked again if used, in 868 s\n"
            "7          10.2.1.1/32        -> 10.3.1.1/32        => tun0x1002@10.3.1.254\n"
            "           since 32 s by c: negotiated by us; strength dnssec\n"
            "7          10.2.1.1/32        -> 10.3.1.1/32        => %trap\n"
            "           by c: configured\n")

    def test_auto_asks_for_one_action_on_one_conn(self):
        self.reply["result"] = None
        for action in ("delete", "route", "unroute", "up", "down"):
            self.done("auto", f"--{action}", "west", *["--asynchronous"][action != "up":])
            self.assertEqual(self.requests[-1],
                             {"command": "auto", "action": action, "name": "west"})

    def test_auto_up_waits_for_what_comes_of_it(self):
        west = {"name": "west", "progress": "negotiating", "reason": None}
        self.reply["result"] = [{"name": "east", "progress": "up", "reason": None}, west]
        threading.Timer(0.3, lambda: west.update(progress="up")).start()
        self.assertEqual(self.done("auto", "--up", "west"), "conn west: up\n")
        self.assertGreater(len(self.requests), 2)
        west.update(progress="failed", reason="its gateway refused")
        self.assertEqual(self.refused(1, "auto", "--up", "west"),
                         "conn west: failed, its gateway refused")

    def test_auto_add_and_replace_bring_the_files(self):
        self.reply["result"] = None
        self.assertIn("No such file", self.refused(1, "auto", "--add", "west"))
        self.write("ipsec.conf", HOWTO, 0o644)
        for action in ("add", "replace"):
            self.done("auto", f"--{action}", "west")
            request = self.requests[-1]
            self.assertEqual((request["action"], request["name"]), (action, "west"))
            files = [file for question in request["conf"] for file in question["files"]]
            self.assertIn(HOWTO.encode(), [base64.b64decode(file["base64"]) for file in files])

    def test_auto_status_has_a_line_for_each_conn(self):
        self.reply["result"] = [{"name": "west", "added": True, "routed": True, "up": False,
                                 "type": "tunnel", "left": "%defaultroute",
                                 "leftsubnet": "10.2.1.0/24", "right": "%opportunistic",
                                 "rightsubnet": None, "auto": "route", "keyingtries": 2,
                                 "failureshunt": "passthrough"}]
        self.assertEqual(self.done("auto", "--status"),
                         "west                 10.2.1.0/24===%defaultroute...%opportunistic; added, "
                         "routed; type tunnel, failureshunt passthrough, auto route\n")

    def test_why_is_for_people_and_for_programs(self):
        self.reply["result"] = why = {
            "source": "10.1.0.2", "destination": "198.51.100.5",
            "rule": {"name": "client-to-anyone", "file": "ipsec.conf", "line": 8},
            "questions": [
                {"name": "5.100.51.198.in-addr.arpa", "type": "IPSECKEY",
                 "answer": "10 192.0.2.1 Ed25519 11qYAYKxCrfVS/7T", "ttl": 3600, "security": "secure"},
                {"name": "5.100.51.198.in-addr.arpa", "type": "TXT", "answer": "not waited for",
                 "ttl": None, "security": None}],
            "gateways": [{"address": "192.0.2.1", "result": "no answer",
                          "at": "2026-02-03T04:05:06.789Z"}],
            "identity": None, "key": None,
            "eroute": {"source": "10.1.0.2/32", "destination": "198.51.100.5/32", "packets": 3,
                       "action": "pass", "said": None, "conn": "client-to-anyone",
                       "strength": None, "reason": "its gateway does not answer", "age_s": 12},
            "next": {"what": "forgotten", "at": "2026-02-03T04:20:06.789Z"},
            "hypothetical": False}
        self.assertEqual(self.done("why", "198.51.100.5", "from", "10.1.0.2", "proto", "tcp",
                                   "port", "80"),
            "10.1.0.2 > 198.51.100.5\n"
            "  rule      client-to-anyone (ipsec.conf:8)\n"
            "  asked     IPSECKEY 5.100.51.198.in-addr.arpa: 10 192.0.2.1 Ed25519 "
            "11qYAYKxCrfVS/7T, ttl 3600 s, secure\n"
            "            TXT 5.100.51.198.in-addr.arpa: not waited for\n"
            "  gateway   192.0.2.1: no answer, 2026-02-03T04:05:06.789Z\n"
            "  eroute    10.1.0.2/32 -> 198.51.100.5/32 => %pass for 12 s, 3 packets\n"
            "  because   its gateway does not answer\n"
            "  next      forgotten (2026-02-03T04:20:06.789Z)\n")
        self.assertEqual(self.requests[-1], {"command": "why", "destination": "198.51.100.5",
                                             "source": "10.1.0.2", "protocol": 6, "port": 80})
        self.assertEqual(json.loads(self.done("why", "198.51.100.5", "--json")), why)

    def test_a_refusal_of_the_daemon_is_status_1(self):
        self.reply = {"ok": False, "error": "there is no conn west"}
        self.assertEqual(self.refused(1, "auto", "--up", "west"), "there is no conn west")

    def test_status_is_for_people_and_for_programs(self):
        self.reply["result"] = {
            "version": "0.1.0", "pid": 7, "uptime_s": 90, "dnssec": "primed",
            "outer": ["192.0.2.1"], "name_servers": [], "conns": 2, "ike_sas": 1,
            "host_keys": [{"key": "RSA 3072 bits", "next": False}],
            "eroutes": {"trap": 2, "pass": 0}, "dropped": {"ike": {}, "esp": {"replay": 3}}}
        text = self.done("status")
        for want in ("wildswan 0.1.0 is running, process 7, since 90 s", "192.0.2.1",
                     "RSA 3072 bits", "2 trap", "3 replay"):
            self.assertIn(want, text)
        self.assertEqual(json.loads(self.done("status", "--json")), self.reply["result"])

    def test_look_has_eroutes_and_the_sas_below(self):
        self.reply["result"] = {"eroutes": [], "conns": [], "ike_sas": [
            {"state": "ESTABLISHED", "initiator": True, "local": "192.0.2.1:500",
             "remote": "198.51.100.1:500", "local_id": "192.0.2.1", "peer_id": "@east.example.net",
             "spi_i": "00000000000000a1", "spi_r": "00000000000000b2", "children": 2}]}
        self.assertEqual(self.done("look"),
                         "\nike 0x00000000000000a1 192.0.2.1:500 -> 198.51.100.1:500 ESTABLISHED, "
                         "initiator, 192.0.2.1 <-> @east.example.net, 2 children\n")

    def test_reload_hands_over_what_it_read(self):
        self.write("ipsec.conf", "include ipsec.d/*.conf\n")
        self.write("ipsec.d/a.conf", "conn a\n\tleft=%defaultroute\n\tright=%opportunistic\n")
        self.done("newhostkey", "--type", "ed25519")
        self.reply["result"] = {"warnings": ""}
        self.done("reload")
        request = self.requests[-1]
        self.assertEqual(request["command"], "reload")
        names = [f["name"] for q in request["conf"] for f in q["files"]]
        self.assertIn(str(self.confs / "ipsec.d/a.conf"), names)
        self.assertEqual([(s["kind"], s["ids"]) for s in request["secrets"]],
                         [("ed25519-file", [])])

    def test_reload_sends_secrets_so_that_the_daemon_cannot_read_them(self):
        self.write("ipsec.conf", "conn a\n\tleft=%defaultroute\n\tright=%opportunistic\n")
        self.write("ipsec.secrets", '192.0.2.1 @east.example.net : PSK "knock knock"\n')
        self.reply["result"] = {"warnings": ""}
        self.done("reload")
        self.assertNotIn("knock", json.dumps(self.requests[-1]))
        self.assertNotIn(base64.b64encode(b"knock knock").decode(), json.dumps(self.requests[-1]))
        self.assertEqual(self.requests[-1]["secrets"][0]["ids"], ["192.0.2.1", "@east.example.net"])
        token, = self.passed
        self.assertRaises(OSError, os.read, token, 1)
        self.assertEqual(stat.S_IMODE(os.fstat(token).st_mode), 0o600)
        with open(f"/proc/self/fd/{token}", "rb") as secrets:  # its owner can
            self.assertIn(b"knock knock", secrets.read())
        os.close(token)

    def test_reload_with_an_error_asks_nothing_of_the_daemon(self):
        self.write("ipsec.conf", "conn c\n\n\n\n\n\n\n\n\tleftsubnet=10.3.2.1.0/24\n")
        self.write("ipsec.secrets", "")
        self.assertEqual(self.refused(1, "reload"),
                         "ipsec.conf:9: leftsubnet=10.3.2.1.0/24: an IPv4 address has four "
                         "numbers; write 10.3.2.0/24")
        self.assertEqual(self.requests, [])


unittest.main(verbosity=0)
