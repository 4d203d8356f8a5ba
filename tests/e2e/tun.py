"""An engine that decides nothing: a TUN device whose packets come out as JSON lines.

    tun.py DEVICE MTU ADDRESS

stdin, one command a line:
    pass HEX | tunnel HEX     send the packet through a raw socket with that release mark
    write HEX                 the packet comes out of the device, as if decrypted
"""
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import threading

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
SO_MARK = 36
MARKS = {"pass": 0x03000000, "tunnel": 0x04000000}


def describe(packet):
    version = packet[0] >> 4
    if version == 4:
        family, size, proto = socket.AF_INET, 4 * (packet[0] & 15), packet[9]
        source, destination, ttl = packet[12:16], packet[16:20], packet[8]
    else:
        family, size, proto = socket.AF_INET6, 40, packet[6]
        source, destination, ttl = packet[8:24], packet[24:40], packet[7]
    return {"source": socket.inet_ntop(family, source), "proto": proto, "ttl": ttl,
            "destination": socket.inet_ntop(family, destination),
            "head": packet[size:size + 4].hex(), "octets": packet.hex()}


def raw(kind):
    sockets = {}
    for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6)):
        sockets[version] = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        sockets[version].setsockopt(socket.SOL_SOCKET, SO_MARK, MARKS[kind])
    return sockets


def main(device, mtu, address):
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
    subprocess.run(["ip", "link", "set", device, "addrgenmode", "none", "mtu", mtu, "up"],
                   check=True)
    with open(f"/proc/sys/net/ipv4/conf/{device}/rp_filter", "w", encoding="ascii") as knob:
        knob.write("2")
    subprocess.run(["ip", "address", "add", f"{address}/32", "dev", device], check=True)
    sockets = {kind: raw(kind) for kind in MARKS}

    def read():
        while True:
            print(json.dumps(describe(os.read(tun, 65536))), flush=True)

    print("ready", flush=True)
    threading.Thread(target=read, daemon=True).start()
    for line in sys.stdin:
        verb, octets = line.split()
        packet = bytes.fromhex(octets)
        if verb == "write":
            os.write(tun, packet)
        elif packet[0] >> 4 == 4:
            sockets[verb][4].sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))
        else:
            sockets[verb][6].sendto(packet, (socket.inet_ntop(socket.AF_INET6, packet[24:40]), 0))


main(*sys.argv[1:])
