"""Rules with protocol and ports, in the steering and in the engine, on a real kernel."""
import pytest

from lab import (DEST, EAST, EAST6, EAST_LAN, EAST_LAN6, SECOND, SOURCE, SOURCE6, STRANGER,
                 STRANGER6, WEST, WEST6, WEST_LAN, WEST_LAN6, until)
from test_engine import Engine, tunnel
from test_steering import ANY6, Bare, Steering, Tun, sends_nothing, udp_packet

ANY = "0.0.0.0-255.255.255.255"
TCP, UDP, ICMP = 6, 17, 1
# The stranger is private, but plain HTTP passes and Telnet is blocked; `dest` is open, but for SMTP;
# `second` is open, but for Telnet.
RULES = [[STRANGER, "private"], [STRANGER, f"pass:{TCP}:80"], [STRANGER, f"drop:{TCP}:23"],
         [STRANGER, f"reject:{UDP}:7"], [DEST, f"private:{TCP}:25"], [SECOND, f"drop:{TCP}:23"],
         [SECOND, f"pass:{TCP}:80"]]
RULES6 = [[STRANGER6, "private"], [STRANGER6, f"pass:{TCP}:80"]]
ROWS = []
for local in (WEST_LAN, WEST):
    ROWS += [local, ANY, "trap"]
    for rule in RULES:
        ROWS += [local, *rule]
for local in (WEST_LAN6, WEST6):
    ROWS += [local, ANY6, "trap"]
    for rule in RULES6:
        ROWS += [local, *rule]
# Numbers of the rows above.
PRIVATE, HTTP, TELNET, ECHO, SECOND_TELNET, SECOND_HTTP = 1, 2, 3, 4, 6, 7


@pytest.fixture(scope="module")
def bare():
    with Bare() as bed:
        for port in (23, 25, 80, 81):
            bed.stranger.serve("tcp", port)
            bed.second.serve("tcp", port)
        bed.stranger.serve("udp", 53)
        yield bed


@pytest.fixture(name="west")
def steered(bare):
    west = bare.west
    west.steering = Steering(west, *ROWS, "--", WEST_LAN, WEST_LAN6)
    west.tun = Tun(west)
    west.steering.tell("routes", "up")
    west.steering.tell("open")
    west.steering.tell("beat", "on")
    yield west
    west.steering.text("down")
    west.steering.tell("routes", "down")
    west.steering.stop()
    west.tun.stop()
    west.nft("flush ruleset\n")


def knock(host, address, port, wait=5):
    """Whether a TCP connection comes about."""
    family = "TCP6" if ":" in address else "TCP4"
    address = f"[{address}]" if ":" in address else address
    return host.run("socat", "-u", "/dev/null", f"{family}:{address}:{port},connect-timeout={wait}",
                    check=False).returncode == 0


def silent(host, address, port):
    return not knock(host, address, port, wait=0.4)


def test_the_kernel_takes_the_text_and_the_rules_for_a_stop(west):
    for text in (west.steering.text("text"), west.steering.text("leftover")):
        west.run("nft", "-c", "-f", "-", input=text)


@pytest.mark.parametrize("who", ["source", "west"])
def test_plain_http_passes_where_plain_telnet_does_not(bare, west, who):
    """POL-2, CLR-1: the answers come in, too."""
    host = getattr(bare, who)
    with bare.capture("west") as capture:
        assert knock(host, STRANGER, 80) and knock(host, STRANGER6, 80)
        assert silent(host, STRANGER, 23)
        assert west.tun.quiet()
        assert silent(host, STRANGER, 81)
        assert silent(host, STRANGER6, 81)
    source = SOURCE if who == "source" else WEST
    west.tun.next(source=source, destination=STRANGER, proto=TCP)
    assert not any(f.destination_port in (23, 81) for f in capture.frames().between(source, STRANGER))


def test_rules_with_ports_count(bare, west):
    assert knock(bare.source, STRANGER, 80)
    before = west.steering.number("row", HTTP)
    assert before >= 3
    assert knock(bare.source, STRANGER, 80)
    assert west.steering.number("row", HTTP) >= before + 3
    assert west.steering.number("row", TELNET) == 0
    silent(bare.source, STRANGER, 23)
    assert west.steering.number("row", TELNET) >= 1
    bare.source.run("sh", "-c", f"echo hi | socat -t 0.3 - UDP4:{STRANGER}:7", check=False)
    assert west.steering.number("row", ECHO) >= 1
    assert west.tun.quiet(destination=STRANGER, proto=UDP)


def test_a_pair_has_a_verdict_for_each_rule(bare, west):
    """The rule for all else may let pass; the blocked port stays blocked, and is counted alone."""
    west.steering.tell("pair", SOURCE, SECOND, "pass")
    assert knock(bare.source, SECOND, 81)
    assert silent(bare.source, SECOND, 23)
    assert west.steering.number("use", SOURCE, SECOND) >= 3
    assert west.tun.quiet(source=SOURCE)
    west.steering.tell("pair", SOURCE, SECOND, "drop")
    assert silent(bare.source, SECOND, 81)
    assert knock(bare.source, SECOND, 80)
    assert west.steering.number("use", SOURCE, SECOND) >= 1
    west.steering.tell("pair", SOURCE, SECOND, "trap")
    assert silent(bare.source, SECOND, 81)
    west.tun.next(source=SOURCE, destination=SECOND, proto=TCP)


def test_a_verdict_of_one_port_is_for_that_port(bare, west):
    """`dest` is open but for port 25, whose pair passes here while all else is trapped."""
    west.steering.tell("pair", SOURCE, DEST, "pass", f"{TCP}:25")
    assert sends_nothing(bare.source, DEST)
    west.tun.next(source=SOURCE, destination=DEST, proto=ICMP)
    west.tun.forget()
    silent(bare.source, DEST, 25)
    assert west.tun.quiet(source=SOURCE)
    assert west.steering.number("use", SOURCE, DEST, f"{TCP}:25") >= 1
    silent(bare.source, DEST, 26)
    west.tun.next(source=SOURCE, destination=DEST, proto=TCP)


def test_a_tunnel_carries_all_but_what_narrower_rules_keep(bare, west):
    west.steering.tell("pair", SOURCE, STRANGER, "tunnel")
    assert knock(bare.source, STRANGER, 80)
    assert silent(bare.source, STRANGER, 23)
    assert west.tun.quiet(source=SOURCE)
    assert sends_nothing(bare.source, STRANGER)
    west.tun.next(source=SOURCE, destination=STRANGER, proto=ICMP)
    # Made because of one port, it carries the rest, and nothing comes in beside it.
    west.steering.tell("pair", SOURCE, DEST, "pass")
    before = west.steering.number("dropped", "cleartext")
    bare.internet.forge(DEST, SOURCE, 1)
    assert west.steering.number("dropped", "cleartext") == before
    west.steering.tell("pair", SOURCE, DEST, "tunnel", f"{TCP}:25")
    assert sends_nothing(bare.source, DEST)
    west.tun.next(source=SOURCE, destination=DEST, proto=ICMP)
    bare.internet.forge(DEST, SOURCE, 2)
    until("counted", lambda: west.steering.number("dropped", "cleartext") == before + 2)


def test_cleartext_comes_in_from_open_ports_only(bare, west):
    """CLR-1: private and block refuse from the start; the remote port is the source port."""
    before = west.steering.number("dropped", "cleartext")
    bare.internet.forge(DEST, SOURCE, 1)
    assert west.steering.number("dropped", "cleartext") == before
    bare.internet.forge(STRANGER, SOURCE, 1, 53)
    bare.internet.forge(STRANGER, WEST, 1, 80)  # UDP, so not HTTP
    bare.internet.forge(STRANGER, WEST, 1, 7)
    until("counted", lambda: west.steering.number("dropped", "cleartext") == before + 3)


def test_blocked_rows_refuse_cleartext(bare):
    """CLR-1, POL-1: `block` lets nothing in."""
    west = bare.west
    steering = Steering(west, WEST_LAN, ANY, "trap", WEST_LAN, STRANGER, "drop", WEST_LAN, DEST,
                        "reject", "--", WEST_LAN)
    try:
        steering.tell("routes", "up")
        steering.tell("open")
        steering.tell("beat", "on")
        bare.internet.forge(STRANGER, SOURCE, 1)
        bare.internet.forge(DEST, SOURCE, 1)
        bare.internet.forge(SECOND, SOURCE, 1)
        until("counted", lambda: steering.number("dropped", "cleartext") == 2)
    finally:
        steering.text("down")
        steering.tell("routes", "down")
        steering.stop()
        west.nft("flush ruleset\n")


def test_errors_about_what_passes_come_in_from_private_routers(bare):
    """CLR-1: related ICMP, known by connection tracking; and none about what no longer passes."""
    west = bare.west
    steering = Steering(west, WEST_LAN, ANY, "private", WEST_LAN, STRANGER, f"pass:{ICMP}",
                        WEST_LAN, SECOND, "pass", "--", WEST_LAN)
    expired = ("-t", "2")
    try:
        steering.tell("routes", "up")
        steering.tell("open")
        steering.tell("beat", "on")
        for address in (STRANGER, SECOND):
            assert "exceeded" in bare.source.ping(address, options=expired, wait=1).text
        assert steering.number("dropped", "cleartext") == 0
        bare.internet.forge("198.18.1.254", SOURCE, 1)
        until("counted", lambda: steering.number("dropped", "cleartext") == 1)
    finally:
        steering.text("down")
        steering.tell("routes", "down")
        steering.stop()
        west.nft("flush ruleset\n")


def test_cleartext_under_way_comes_in_for_a_moment(bare, west):
    """CLR-2: two seconds after a tunnel came up for a pair that passed before."""
    west.steering.tell("late", SOURCE, SECOND, "tunnel")
    bare.internet.forge(SECOND, SOURCE, 2)
    assert west.steering.number("dropped", "cleartext") == 0
    west.steering.tell("pair", WEST, SECOND, "tunnel")
    bare.internet.forge(SECOND, WEST, 1)
    until("counted", lambda: west.steering.number("dropped", "cleartext") == 1)
    until("it is over",
          lambda: bare.internet.forge(SECOND, SOURCE, 1) or
          west.steering.number("dropped", "cleartext") > 1, timeout=4)


def test_what_a_rule_keeps_private_has_no_such_moment(bare):
    """CLR-1, CLR-2: another rule of the same two addresses had its tunnel a moment ago."""
    west = bare.west
    steering = Steering(west, WEST_LAN, ANY, "trap", WEST_LAN, SECOND, f"private:{UDP}:53", "--",
                        WEST_LAN)
    try:
        steering.tell("routes", "up")
        steering.tell("open")
        steering.tell("beat", "on")
        steering.tell("late", SOURCE, SECOND, "tunnel")
        bare.internet.forge(SECOND, SOURCE, 1, 53)
        until("counted", lambda: steering.number("dropped", "cleartext") == 1, timeout=1)
        bare.internet.forge(SECOND, SOURCE, 1)
        assert steering.number("dropped", "cleartext") == 1
    finally:
        steering.text("down")
        steering.tell("routes", "down")
        steering.stop()
        west.nft("flush ruleset\n")


def test_a_policy_moves_pairs_at_once_and_keeps_what_was_counted(bare, west):
    west.steering.tell("rows", 1)  # everything is open
    west.steering.tell("pair", SOURCE, SECOND, "pass")
    assert bare.source.ping(SECOND, count=2)
    assert west.steering.number("use", SOURCE, SECOND) == 2
    west.steering.tell("rows", SECOND_TELNET + 1)
    assert bare.source.ping(SECOND, count=1)
    assert silent(bare.source, SECOND, 23)
    assert knock(bare.source, SECOND, 80)
    assert knock(bare.source, STRANGER, 80)
    assert west.steering.number("use", SOURCE, SECOND) >= 6
    http, telnet = (west.steering.number("row", n) for n in (HTTP, SECOND_TELNET))
    assert http >= 3 and telnet >= 1
    west.steering.tell("rows", SECOND_HTTP + 1)
    assert [west.steering.number("row", n) for n in (HTTP, SECOND_TELNET)] == [http, telnet]
    used = west.steering.number("use", SOURCE, SECOND)
    assert knock(bare.source, STRANGER, 80)
    assert west.steering.number("row", HTTP) > http
    assert knock(bare.source, SECOND, 80)
    assert west.steering.number("row", SECOND_HTTP) >= 3
    assert west.steering.number("use", SOURCE, SECOND) == used
    west.steering.tell("rows", 1)
    assert bare.source.ping(SECOND, count=1)
    west.steering.tell("pair", SOURCE, SECOND, "trap")
    assert sends_nothing(bare.source, SECOND)
    assert "elements" not in west.shell("nft list map inet wildswan pair_ports4")


def test_a_table_with_ports_is_put_back(bare, west):
    west.steering.tell("pair", SOURCE, STRANGER, "tunnel")
    before = west.shell("nft -s list table inet wildswan")
    west.nft("flush ruleset\n")
    until("it is there again", lambda: west.shell("nft -s list table inet wildswan") == before)


def test_a_stop_keeps_the_private_ports_in(bare, west):
    west.steering.text("down", "keep")
    west.steering.tell("routes", "down")
    loaded = west.shell("nft -s list table inet wildswan")
    with bare.capture("west") as capture:
        assert knock(bare.source, STRANGER, 80)
        assert silent(bare.source, STRANGER, 81)
        silent(bare.source, STRANGER, 23)
    assert not any(f.destination_port == 81 for f in capture.frames().between(SOURCE, STRANGER))
    west.nft(west.steering.text("leftover"))
    west.nft("flush set inet wildswan replacing\n")
    assert west.shell("nft -s list table inet wildswan") == loaded


def test_fragments_of_a_private_pair_do_not_leave(bare, west):
    """They are put together before the rules see them; what shows no ports goes to the engine."""
    with bare.capture("west") as capture:
        bare.source.run("ping", "-n", "-c", "1", "-s", "3000", "-W", "0.3", STRANGER, check=False)
        bare.source.run("sh", "-c", f"head -c 3000 /dev/zero | socat -b 3000 -u - "
                                    f"UDP4-DATAGRAM:{STRANGER}:80", check=False)
    west.tun.next(source=SOURCE, destination=STRANGER, proto=UDP)
    assert not capture.frames().between(SOURCE, STRANGER)


@pytest.fixture(name="engine")
def engines(bare, request):
    """Engines in both gateways, the western one with rules for its LAN; east's is `.peer`."""
    west = Engine(bare.west, WEST, WEST6, WEST_LAN, WEST_LAN6, rules=request.param)
    west.peer = Engine(bare.east, EAST, EAST6, EAST_LAN, EAST_LAN6)
    yield west
    west.stop()
    west.peer.stop()
    for host in (bare.west, bare.east):
        host.nft("flush ruleset\n")


FIRST_RULE = 4  # of the engine's rows


@pytest.mark.parametrize("engine", [[[STRANGER, f"trap:{TCP}:25"]]], indirect=True)
def test_each_rule_asks_for_itself(bare, engine):
    """One eroute a rule; the first packet of each is held and released by its own verdict."""
    engine.tell("answer", SOURCE, STRANGER, "pass", 0, f"{TCP}:25")
    engine.tell("answer", SOURCE, STRANGER, "drop")
    with bare.capture("west") as capture:
        assert knock(bare.source, STRANGER, 25)
        assert silent(bare.source, STRANGER, 81)
        assert silent(bare.source, STRANGER, 81)
    assert engine.number("acquires") == 2
    assert engine.number("use", SOURCE, STRANGER, f"{TCP}:25") >= 3
    assert engine.number("use", SOURCE, STRANGER) >= 1
    frames = capture.frames().between(SOURCE, STRANGER)
    assert len(frames.syns()) == 1 and not any(f.destination_port == 81 for f in frames)


@pytest.mark.parametrize("engine", [[[DEST, f"private:{TCP}:25"]]], indirect=True)
def test_a_tunnel_takes_what_is_held_for_other_rules(bare, engine):
    server = bare.dest.serve("tcp", 25)
    with bare.capture("west") as capture:
        held = bare.source.start("socat", "-u", "/dev/null", f"TCP4:{DEST}:25,connect-timeout=5")
        until("it is held", lambda: engine.number("acquires") == 1)
        tunnel(engine, SOURCE, DEST)
        assert bare.source.ping(DEST)
        assert held.wait(timeout=4) == 0
        assert knock(bare.source, DEST, 25)
    server.kill()
    server.wait()
    assert engine.number("acquires") == 2
    assert not capture.frames().naming(SOURCE)


@pytest.mark.parametrize("engine", [[[DEST, "drop"], [DEST, f"private:{UDP}:9"]]], indirect=True)
def test_fragments_go_the_way_of_their_first_one(bare, engine):
    """All else is dropped, and so is a fragment that nobody can place."""
    server = bare.dest.serve("udp", 9)
    engine.peer.tell("child", 0x1002, 0x1001, DEST, SOURCE, EAST, WEST)
    engine.peer.tell("pair", DEST, SOURCE, "tunnel", 0x1001)
    engine.tell("child", 0x1001, 0x1002, SOURCE, DEST, WEST, EAST)
    engine.tell("answer", SOURCE, DEST, "tunnel", 0x1002, f"{UDP}:9")
    with bare.capture("west") as capture:
        answer = bare.source.talk("udp", DEST, 9, 5, 3000)
        assert not bare.source.ping(DEST, wait=0.3)
    server.kill()
    server.wait()
    assert answer["in_order"], answer
    assert not capture.frames().naming(SOURCE)


@pytest.mark.parametrize("engine", [[[STRANGER, f"pass:{UDP}:53"], [STRANGER, f"drop:{TCP}:23"]]],
                         indirect=True)
def test_what_is_held_goes_by_the_rules_of_a_new_policy(bare, engine):
    engine.tell("rows", FIRST_RULE)
    asked = bare.source.start("sh", "-c", f"echo hi | timeout 5 socat -t 4 - UDP4:{STRANGER}:53",
                              stdout=-1, text=True)
    until("it is held", lambda: engine.number("acquires") == 1)
    engine.tell("rows", FIRST_RULE + 2)
    assert asked.communicate()[0] == "hi\n"
    assert sends_nothing(bare.source, STRANGER)
    assert engine.number("acquires") == 2
