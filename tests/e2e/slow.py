"""A name server that is slow about some names: python3 slow.py ADDRESS UPSTREAM SUFFIX SECONDS

Everything is asked of the upstream, what is below SUFFIX only after so many seconds. Says "ready", and at
the end of its stdin a line of JSON: different questions about slow names, and how many were open at once.
"""
import asyncio
import json
import socket
import struct
import sys


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))


def question_of(octets):
    """Name and type, as they stand behind the header."""
    return octets[12:octets.index(b"\0", 12) + 3]


class Server:
    def __init__(self, address, upstream, suffix, seconds):
        self.loop = asyncio.get_running_loop()
        self.suffix, self.seconds = wire(suffix), float(seconds)
        self.clients, self.number = {}, 0
        self.asked, self.open, self.most = set(), {}, 0  # repeated questions count once
        self.front = self.listen((address, 53), None, self.on_question)
        self.back = self.listen(None, (upstream, 53), self.on_answer)

    def listen(self, address, peer, take):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        if address:
            s.bind(address)
        if peer:
            s.connect(peer)
        self.loop.add_reader(s, self.read, s, take)
        return s

    @staticmethod
    def read(s, take):
        while True:
            try:
                octets, sender = s.recvfrom(4096)
            except BlockingIOError:
                return
            take(octets, sender)

    def on_question(self, octets, sender):
        is_slow = self.suffix in octets
        if is_slow:
            question = question_of(octets)
            self.asked.add(question)
            self.open[question] = self.open.get(question, 0) + 1
            self.most = max(self.most, len(self.open))
        self.loop.call_later(self.seconds if is_slow else 0, self.relay, octets, sender, is_slow)

    def relay(self, octets, sender, is_slow):
        self.number = (self.number + 1) % 65536
        self.clients[self.number] = (octets[:2], sender, is_slow)
        self.back.send(struct.pack(">H", self.number) + octets[2:])

    def on_answer(self, octets, _sender):
        number, sender, is_slow = self.clients.pop(struct.unpack(">H", octets[:2])[0])
        if is_slow:
            self.close(question_of(octets))
        self.front.sendto(number + octets[2:], sender)

    def close(self, question):
        self.open[question] -= 1
        if self.open[question] == 0:
            del self.open[question]


async def main():
    server = Server(*sys.argv[1:])
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(json.dumps({"asked": len(server.asked), "most": server.most}), flush=True)


asyncio.run(main())
