"""ipsec why: what was decided, on what evidence, and what comes next (promise 6)."""
import pathlib
import re

import pytest

from gateway import PRIVATE, SETUP
from lab import DEST, EAST, SECOND, SOURCE, WEST, reverse

KEYS = {"source", "destination", "rule", "questions", "gateways", "identity", "key", "eroute",
        "next", "hypothetical"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
NOBODY = "198.18.2.77"  # no host, no record


@pytest.fixture(scope="module")
def running(lab, pair):
    return pair


def why(gateway, *words):
    said = gateway.json("why", *words)
    assert set(said) == KEYS
    return said


def test_what_would_happen_is_said_and_nothing_is_touched(lab, running):
    with lab.capture("west") as capture:
        said = why(running.west, DEST, "from", SOURCE)
        text = running.west.ipsec("why", DEST, "from", SOURCE).stdout
    name = b"".join(bytes([len(label)]) + label.encode() for label in reverse(DEST).split("."))
    assert not capture.frames().with_octets(name)
    assert not capture.frames().naming(DEST) and not capture.frames().naming(EAST)
    assert said["hypothetical"] is True
    assert said["rule"]["name"] == "client-to-anyone"
    lines = pathlib.Path(said["rule"]["file"]).read_text().splitlines()
    assert lines[said["rule"]["line"] - 1].startswith("conn client-to-anyone")
    assert [(q["type"], q["name"], q["answer"], q["ttl"], q["security"])
            for q in said["questions"]] == [
        (kind, reverse(DEST).rstrip("."), None, None, None) for kind in ("IPSECKEY", "TXT")]
    assert said["gateways"] == [] and said["identity"] is None and said["key"] is None
    assert said["eroute"]["action"] == "trap"
    assert "would" in said["next"]["what"] and said["next"]["at"] is None
    assert "would" in text and "would ask" in text
    assert running.west.eroute(SOURCE, DEST) is None


def test_without_a_source_it_is_about_the_gateway_itself(running):
    said = why(running.west, NOBODY)
    assert (said["source"], said["rule"]["name"]) == (WEST, "sg-to-anyone")


def test_a_tunnel_names_answers_gateway_identity_and_key(lab, running):
    assert lab.source.ping(DEST, wait=10)
    running.west.until_action(SOURCE, DEST, "tunnel")
    said = why(running.west, DEST)  # the only one that talks to it is the Source
    assert said["hypothetical"] is False and said["source"] == SOURCE
    answers = {q["type"]: q for q in said["questions"] if q["name"] == reverse(DEST).rstrip(".")}
    assert re.match(rf"10 {EAST} RSA \d+ bits AwEAA", answers["TXT"]["answer"])
    assert answers["TXT"]["ttl"] > 0 and answers["TXT"]["security"] == "insecure"
    assert answers["IPSECKEY"]["answer"] == "no record"
    assert [(g["address"], g["result"]) for g in said["gateways"]] == [(EAST, "tunnel")]
    assert TIME.fullmatch(said["gateways"][0]["at"])
    assert said["identity"] == EAST
    assert said["key"] == answers["TXT"]["answer"].split(" ", 2)[2]
    assert said["eroute"]["action"] == "tunnel" and said["eroute"]["packets"] >= 1
    assert "signed zones would make it dnssec" in running.west.ipsec("why", DEST).stdout
    there = why(running.east, SOURCE, "from", DEST)
    assert there["identity"] == WEST and there["eroute"]["action"] == "tunnel"
    assert {q["name"] for q in there["questions"]} >= {reverse(SOURCE).rstrip("."),
                                                      reverse(WEST).rstrip(".")}


def test_a_pass_names_the_answer_that_made_it(lab, running):
    lab.source.ping(NOBODY, wait=1)
    running.west.until_action(SOURCE, NOBODY, "pass")
    said = why(running.west, NOBODY, "from", SOURCE)
    assert {q["answer"] for q in said["questions"]} == {"NXDOMAIN"}
    assert said["eroute"]["reason"] == "no delegation (NXDOMAIN)"
    assert TIME.fullmatch(said["next"]["at"])
    text = running.west.ipsec("why", NOBODY, "from", SOURCE).stdout
    assert "NXDOMAIN" in text and "would" not in text
    assert "the answer is not signed" in text


def test_try_decides_now_and_tells_each_step(lab, running):
    done = running.west.ipsec("why", SECOND, "from", SOURCE, "--try")
    steps = re.findall(r"^ +(\d+\.\d{3}) s  (.+)$", done.stdout, re.M)
    times = [float(at) for at, _ in steps]
    told = [what for _, what in steps]
    assert times[0] == 0 and max(times) < 10
    assert f"ask for TXT {reverse(SECOND).rstrip('.')}" in told
    assert f"call gateway {EAST}" in told and f"gateway {EAST}: tunnel" in told
    assert running.west.action(SOURCE, SECOND) == "tunnel"
    said = running.west.json("why", SECOND, "from", SOURCE, "--try")
    assert set(said) == KEYS | {"steps"} and said["eroute"]["action"] == "tunnel"
    assert "It has a tunnel" not in done.stdout
    again = running.west.ipsec("why", SECOND, "from", SOURCE, "--try").stdout
    assert again.startswith("It has a tunnel, which stays, and nothing is asked")
    refused = running.west.ipsec("why", "127.0.0.1", "--try", check=False)
    assert refused.returncode == 1 and "can never be a peer" in refused.stderr


def test_silence_and_its_gateway_are_named(lab, running):
    running.stop()
    lab.publish(reverse(DEST), running.east.key("--txt", "198.18.3.99"))
    lab.reload_dns()
    running.west.configure(SETUP, PRIVATE)
    running.start()
    lab.source.ping(DEST, wait=1)
    said = why(running.west, DEST, "from", SOURCE)
    assert said["eroute"]["action"] == "hold"
    assert [(g["address"], g["result"]) for g in said["gateways"]] == [("198.18.3.99", None)]
    assert "held" in said["next"]["what"] and TIME.fullmatch(said["next"]["at"])


def test_the_line_of_a_policy_file_is_named(lab, running):
    running.stop()
    policies = running.west.confs / "ipsec.d" / "policies"
    policies.mkdir(parents=True)
    (policies / "private-or-clear").write_text("# everybody\n\n0.0.0.0/0\n")
    (policies / "clear").write_text(f"{DEST} tcp 80\n")
    (policies / "block").write_text(f"# nobody\n{SECOND}\n")
    running.west.configure(SETUP)
    running.west.start()
    cases = [
        ([NOBODY], "private-or-clear", 3, "held while the DNS is asked"),
        ([DEST, "proto", "tcp", "port", "80"], "clear", 1, "would pass in the clear"),
        ([DEST, "proto", "tcp", "port", "81"], "private-or-clear", 3, "held while the DNS"),
        ([DEST, "proto", "udp"], "private-or-clear", 3, "held while the DNS"),
        ([DEST], "private-or-clear", 3, "held while the DNS"),
        ([SECOND], "block", 2, "would be dropped"),
    ]
    for words, name, line, what in cases:
        said = why(running.west, *words)
        assert said["rule"] == {"name": name, "file": str(policies / name), "line": line}, words
        assert what in said["next"]["what"], said
