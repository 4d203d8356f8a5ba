"""Reads what tcpdump wrote: Ethernet frames, and what of IP, UDP, TCP and ICMP the tests ask for."""
import ipaddress
import struct


class Frame:
    """One frame. Fields of a protocol it does not carry are None."""

    def __init__(self, data, when):
        self.data, self.time = data, when
        self.source = self.destination = self.protocol = self.payload = None
        self.source_port = self.destination_port = self.tcp_flags = None
        kind = struct.unpack_from("!H", data, 12)[0] if len(data) >= 14 else 0
        packet = data[14:]
        if kind == 0x0800 and len(packet) >= 20:
            self.ipv4(packet)
        elif kind == 0x86DD and len(packet) >= 40:
            self.ipv6(packet)

    def ipv4(self, packet):
        header = (packet[0] & 15) * 4
        total, = struct.unpack_from("!H", packet, 2)
        self.fragment_offset = (struct.unpack_from("!H", packet, 6)[0] & 0x1FFF) * 8
        self.protocol = packet[9]
        self.source = str(ipaddress.ip_address(packet[12:16]))
        self.destination = str(ipaddress.ip_address(packet[16:20]))
        self.length = total
        self.transport(packet[header:total or None], self.fragment_offset == 0)

    def ipv6(self, packet):
        self.protocol = packet[6]
        self.source = str(ipaddress.ip_address(packet[8:24]))
        self.destination = str(ipaddress.ip_address(packet[24:40]))
        self.length = 40 + struct.unpack_from("!H", packet, 4)[0]
        rest = packet[40:]
        first = True
        if self.protocol == 44 and len(rest) >= 8:  # a fragment header
            self.protocol = rest[0]
            first = struct.unpack_from("!H", rest, 2)[0] & 0xFFF8 == 0
            rest = rest[8:]
        self.transport(rest, first)

    def transport(self, rest, first):
        self.payload = rest
        if not first:
            return
        if self.protocol in (6, 17) and len(rest) >= 8:
            self.source_port, self.destination_port = struct.unpack_from("!HH", rest)
        if self.protocol == 17:
            self.payload = rest[8:]
        if self.protocol == 6 and len(rest) >= 20:
            self.tcp_flags = rest[13]
            self.payload = rest[(rest[12] >> 4) * 4:]

    def is_ip(self):
        return self.protocol is not None

    def between(self, a, b):
        return {self.source, self.destination} == {a, b}

    def is_syn(self):
        return self.tcp_flags is not None and self.tcp_flags & 0x12 == 0x02

    def is_ike(self):
        if self.protocol != 17:
            return False
        ports = {self.source_port, self.destination_port}
        return 500 in ports or (4500 in ports and self.payload[:4] == bytes(4))

    def ike_is_request(self):
        at = 4 if 4500 in (self.source_port, self.destination_port) else 0
        return not self.payload[at + 19] & 0x20

    def ike_exchange(self):
        at = 4 if 4500 in (self.source_port, self.destination_port) else 0
        kinds = {34: "IKE_SA_INIT", 35: "IKE_AUTH", 36: "CREATE_CHILD_SA", 37: "INFORMATIONAL"}
        return kinds.get(self.payload[at + 18])

    def is_esp(self):
        """ESP as protocol 50, or in UDP 4500 (neither IKE nor a keepalive)."""
        if self.protocol == 50:
            return True
        return (self.protocol == 17 and 4500 in (self.source_port, self.destination_port)
                and len(self.payload) >= 8 and self.payload[:4] != bytes(4))

    def is_dns(self):
        return 53 in (self.source_port, self.destination_port)

    def __repr__(self):
        if not self.is_ip():
            return f"{len(self.data)} octets, no IP"
        what = {1: "ICMP", 6: "TCP", 17: "UDP", 50: "ESP", 58: "ICMPv6"}.get(self.protocol,
                                                                         self.protocol)
        if self.is_esp():
            what = "ESP" if self.protocol == 50 else "ESP in UDP"
        elif self.is_ike():
            what = "IKE"
        ports = f" {self.source_port} > {self.destination_port}" if self.source_port else ""
        return f"{self.source} > {self.destination} {what}{ports} {self.length} octets"


class Frames(list):
    """The frames of one pcap file, in order."""

    def __init__(self, data=b""):
        super().__init__()
        if len(data) < 24:
            return
        order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        unit = 1e-9 if data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1e-6
        assert struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF == 1, "Ethernet only"
        at = 24
        while at + 16 <= len(data):
            seconds, fraction, length, _ = struct.unpack_from(order + "IIII", data, at)
            self.append(Frame(data[at + 16:at + 16 + length], seconds + fraction * unit))
            at += 16 + length

    def select(self, true):
        chosen = Frames()
        chosen.extend(frame for frame in self if true(frame))
        return chosen

    def between(self, a, b):
        return self.select(lambda frame: frame.between(a, b))

    def syns(self):
        return self.select(Frame.is_syn)

    def esp(self):
        return self.select(Frame.is_esp)

    def ike(self):
        return self.select(Frame.is_ike)

    def with_octets(self, octets):
        return self.select(lambda frame: octets in frame.data)

    def naming(self, *addresses):
        """Frames with one of the addresses in an outer header."""
        return self.select(lambda frame: {frame.source, frame.destination} & set(addresses))
