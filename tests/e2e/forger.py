"""A name server that lies: it hands questions on to an honest one and forges what it is told to.

    forger.py ADDRESS HONEST RULES

RULES is a JSON file, read for every question: {name without the last dot: {"as": KIND, ...}}. KINDs:

    absent   the name exists, without such a record      nxdomain   there is no such name
    txt      the TXT records of "texts", nothing else     owner      the same under another name
    loop     CNAMEs in a circle                           big        64 KB of TXT records, over TCP
    servfail                                              silent     no answer at all
"""
import json
import socket
import socketserver
import struct
import sys
import threading

TXT, CNAME, OPT = 16, 5, 41


def name_of(packet, at=12):
    labels = []
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode().lower())
        at += 1 + packet[at]
    return ".".join(labels), at + 1


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def record(owner, kind, rdata):
    return wire(owner) + struct.pack("!HHIH", kind, 1, 60, len(rdata)) + rdata


def strings(text):
    octets = text.encode()
    parts = [octets[i:i + 255] for i in range(0, len(octets), 255)]
    return b"".join(bytes([len(part)]) + part for part in parts)


def forge(query, name, end, rule, is_tcp):
    """An answer as the rule says, or None: none at all."""
    kind, = struct.unpack("!H", query[end:end + 2])
    flags, records = 0x8180, []
    if rule["as"] == "silent":
        return None
    if rule["as"] == "nxdomain":
        flags |= 3
    elif rule["as"] == "servfail":
        flags |= 2
    elif rule["as"] == "loop":
        records = [record(name, CNAME, wire("loop." + name)),
                   record("loop." + name, CNAME, wire(name))]
    elif kind == TXT and rule["as"] in ("txt", "owner"):
        owner = name if rule["as"] == "txt" else "other." + name
        records = [record(owner, TXT, strings(text)) for text in rule["texts"]]
    elif kind == TXT and rule["as"] == "big":
        if is_tcp:
            records = [record(name, TXT, strings(text)) for text in rule["texts"]]
            while sum(map(len, records)) < 64000:
                records.append(record(name, TXT, strings(f"filler {len(records)} " + "x" * 200)))
        else:
            flags |= 0x0200
    head = query[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
    return head + query[12:end + 4] + b"".join(records)


class Forger:
    def __init__(self, address, honest, rules):
        self.address, self.honest, self.rules = address, honest, rules

    def answer(self, query, is_tcp):
        name, end = name_of(query)
        with open(self.rules, encoding="ascii") as rules:
            rule = json.load(rules).get(name)
        return forge(query, name, end, rule, is_tcp) if rule else self.ask(query, is_tcp)

    def ask(self, query, is_tcp):
        if is_tcp:
            with socket.create_connection((self.honest, 53), 2) as server:
                server.sendall(struct.pack("!H", len(query)) + query)
                return read_tcp(server)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.settimeout(2)
            server.connect((self.honest, 53))
            server.send(query)
            return server.recv(65535)

    def serve(self):
        forger = self

        class Tcp(socketserver.BaseRequestHandler):
            def handle(self):
                while (query := read_tcp(self.request)):
                    answer = forger.answer(query, True)
                    if answer:
                        self.request.sendall(struct.pack("!H", len(answer)) + answer)

        class Udp(socketserver.BaseRequestHandler):
            def handle(self):
                answer = forger.answer(self.request[0], False)
                if answer:
                    self.request[1].sendto(answer, self.client_address)

        class TcpServer(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        class UdpServer(socketserver.ThreadingUDPServer):
            daemon_threads = True

        tcp = TcpServer((self.address, 53), Tcp)
        udp = UdpServer((self.address, 53), Udp)
        threading.Thread(target=tcp.serve_forever, daemon=True).start()
        print("ready", flush=True)
        udp.serve_forever()


def read_tcp(connection):
    head = connection.recv(2, socket.MSG_WAITALL)
    if len(head) < 2:
        return b""
    return connection.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL)


if __name__ == "__main__":
    Forger(*sys.argv[1:4]).serve()
