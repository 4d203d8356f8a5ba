"""What `ipsec showhostkey` prints is loaded into NSD, Knot and BIND and read back."""
import pytest

from gateway import Gateway
from lab import EAST, EAST_LAN, until

ZONE = "2.18.198.in-addr.arpa"


@pytest.fixture(scope="module")
def printed(lab, keys):
    """One zone with everything: (owner, kind) -> what was printed."""
    gateway = Gateway(lab.east, EAST_LAN, EAST)
    keys.give(gateway, "east")
    gateway.ipsec("newhostkey", "--type", "ed25519")
    kinds = {
        "key": ("KEY", ["--key"]),
        "plain": ("KEY", []),
        "txt": ("TXT", ["--txt", EAST, "--precedence", "7"]),
        "txt6": ("TXT", ["--txt", "2001:2:0:2::1"]),
        "fqdn": ("TXT", ["--txt", "@road.example.net"]),
        "ipseckey": ("IPSECKEY", ["--ipseckey", EAST]),
        "ipseckey6": ("IPSECKEY", ["--ipseckey", "2001:2:0:2::1"]),
        "none": ("IPSECKEY", ["--ipseckey"]),
        "name": ("IPSECKEY", ["--ipseckey", "gw.example.net", "--type", "rsa"]),
        "edward": ("IPSECKEY", ["--ipseckey", EAST, "--type", "ed25519"]),
    }
    text = {}
    for owner, (kind, words) in kinds.items():
        text[owner, kind] = gateway.key(*words)
    for owner, (kind, words) in list(kinds.items()):
        text[f"g-{owner}", kind] = gateway.key(*words, "--generic")
    text["owned", "TXT"] = gateway.key("--txt", EAST, "--owner", f"owned.{ZONE}.")
    return text


@pytest.fixture(scope="module")
def zone(lab, printed):
    parts = ["$TTL 60\n@ SOA ns. root.ns. 1 600 600 86400 60\n@ NS ns.\n"]
    for (owner, _), text in printed.items():
        first = "" if owner == "owned" else f'{owner} A 198.18.0.1\n'
        parts.append(first + text)
    path = lab.dir / f"{ZONE}.hostkeys"
    path.write_text("".join(parts))
    return path


def nsd(lab, zone):
    (lab.dir / "nsd2.conf").write_text(f"""server:
	ip-address: 127.0.0.1
	port: 5301
	zonesdir: "{lab.dir}"
	database: ""
	username: ""
	pidfile: "{lab.dir}/nsd2.pid"
	xfrdfile: "{lab.dir}/xfrd2.state"
	zonelistfile: "{lab.dir}/zone2.list"
	xfrdir: "{lab.dir}"
remote-control:
	control-enable: no
zone:
	name: "{ZONE}"
	zonefile: "{zone}"
""")
    lab.server("nsd", "-d", "-c", lab.dir / "nsd2.conf", host=lab.stranger)
    return 5301


def knot(lab, zone):
    (lab.dir / "knot.conf").write_text(f"""server:
  listen: 127.0.0.1@5302
  rundir: {lab.dir}
database:
  storage: {lab.dir}/knot
zone:
  - domain: {ZONE}
    file: {zone}
    zonefile-sync: -1
    journal-content: none
""")
    lab.server("knotd", "-c", lab.dir / "knot.conf", host=lab.stranger)
    return 5302


def bind(lab, zone):
    (lab.dir / "named.conf").write_text(f"""options {{
	directory "{lab.dir}";
	pid-file "{lab.dir}/named.pid";
	session-keyfile "{lab.dir}/named.session";
	listen-on port 5303 {{ 127.0.0.1; }};
	listen-on-v6 {{ none; }};
	recursion no;
	empty-zones-enable no;
	check-names primary ignore;
}};
controls {{ }};
zone "{ZONE}" {{ type primary; file "{zone}"; }};
""")
    lab.server("named", "-f", "-c", lab.dir / "named.conf", host=lab.stranger)
    return 5303


@pytest.mark.parametrize("server", [nsd, knot, bind])
def test_a_server_loads_it_all_and_serves_what_was_printed(lab, zone, printed, server):
    port = server(lab, zone)

    def ask(name, kind):
        return lab.stranger.run("dig", "-p", port, "@127.0.0.1", f"{name}.{ZONE}", kind, "+short",
                                "+tcp", "+time=1", "+tries=1", check=False).stdout.strip()
    until("the zone is served", lambda: "198.18.0.1" in ask("key", "A"), timeout=10)
    for (owner, kind), text in printed.items():
        answer = squeeze(ask(owner, kind))
        assert answer, f"{owner} {kind}"
        for record in records(text, kind):
            assert record in answer, f"{owner} {kind}: {record} is not {answer}"
        if owner.startswith("g-"):
            plain = ask(owner.removeprefix("g-"), kind)
            assert sorted(map(squeeze, plain.splitlines())) == \
                sorted(map(squeeze, ask(owner, kind).splitlines())), owner


def squeeze(text):
    """Without blanks and quotes, as servers and dig set them where they like."""
    return "".join(text.replace('"', "").split()).lower()


def records(text, kind):
    """The data of each record that was printed, squeezed."""
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith(";"):
            continue
        words = line.split()
        if kind in words:
            yield squeeze("".join(words[words.index(kind) + 1:]))
