"""The ends of a conversation, run inside namespaces by lab.py; plain sockets, one JSON line out.

    talk.py serve tcp PORT            echoes every connection
    talk.py serve udp PORT            echoes every datagram
    talk.py tcp ADDRESS PORT [N]      connect, send N octets (default 64) of markers, read them back
    talk.py udp ADDRESS PORT [COUNT [SIZE]]   COUNT numbered datagrams at once, which ones came back?
    talk.py forge SOURCE DESTINATION [COUNT [PORT]]   UDP datagrams whose IPv4 source is a lie
    talk.py frame INTERFACE TEXT      one Ethernet frame with a text: an end mark for captures
"""
import json
import select
import socket
import struct
import sys
import threading
import time

# 64 octets in every payload that must stay private. Four times the same 16, because that is as much
# as `ping -p` repeats.
PIECE = b"<wildswan-mark>\n"
MARKER = PIECE * 4


def listen(kind, port):
    server = socket.socket(socket.AF_INET6, kind)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", port))
    return server


def serve_tcp(port):
    server = listen(socket.SOCK_STREAM, port)
    server.listen(64)
    print("ready", flush=True)
    while True:
        threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()


def echo(connection):
    try:
        while octets := connection.recv(65536):
            connection.sendall(octets)
    except OSError:
        pass
    connection.close()


def serve_udp(port):
    server = listen(socket.SOCK_DGRAM, port)
    print("ready", flush=True)
    while True:
        datagram, address = server.recvfrom(65536)
        server.sendto(datagram, address)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def tcp(address, port, octets=64):
    sent = (MARKER * (octets // len(MARKER) + 1))[:octets]
    client = socket.socket(family(address), socket.SOCK_STREAM)
    client.settimeout(15)
    start = time.monotonic()
    try:
        client.connect((address, port))
    except OSError as error:
        return {"connected": False, "error": error.strerror or str(error),
                "seconds": time.monotonic() - start}
    connect_ms = (time.monotonic() - start) * 1000
    threading.Thread(target=lambda: (client.sendall(sent), client.shutdown(socket.SHUT_WR)),
                     daemon=True).start()
    back = bytearray()
    error = None
    try:
        while piece := client.recv(65536):
            back += piece
    except OSError as caught:
        error = str(caught)
    return {"connected": True, "connect_ms": connect_ms, "error": error, "octets": len(back),
            "same": bytes(back) == sent, "seconds": time.monotonic() - start}


def udp(address, port, count=1, size=128):
    """Sends at once, then listens until all are back or 3 s passed without one."""
    client = socket.socket(family(address), socket.SOCK_DGRAM)
    client.connect((address, port))
    refused = 0
    for number in range(count):
        body = struct.pack("!I", number) + MARKER
        try:
            client.send(body + bytes(max(0, size - len(body))))
        except OSError:
            refused += 1
    back = []
    while len(back) < count and select.select([client], [], [], 3)[0]:
        try:
            back.append(struct.unpack("!I", client.recv(65536)[:4])[0])
        except OSError:
            refused += 1
    return {"sent": count, "back": back, "in_order": back == list(range(count)),
            "refused": refused}


def forge(source, destination, count=1, port=7777):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    datagram = struct.pack("!HHHH", port, 7777, 8 + len(MARKER), 0) + MARKER
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(datagram), 0, 0, 64, 17, 0,
                         socket.inet_aton(source), socket.inet_aton(destination))
    for _ in range(count):
        raw.sendto(header + datagram, (destination, 0))
    return {"sent": count}


def frame(interface, text):
    packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    packet.bind((interface, 0))
    packet.send(b"\2\0\0\0\0\x77" + b"\2\0\0\0\0\x78" + b"\x88\xb5" + text.encode().ljust(46))
    return {}


def main(words):
    if words[0] == "serve":
        {"tcp": serve_tcp, "udp": serve_udp}[words[1]](int(words[2]))
        return
    verb = {"tcp": tcp, "udp": udp, "forge": forge, "frame": frame}[words[0]]
    print(json.dumps(verb(*(int(word) if word.isdigit() else word for word in words[1:]))))


if __name__ == "__main__":
    main(sys.argv[1:])
