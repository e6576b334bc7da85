"""One attacking process: connects, sends what it was told as fast as it is taken, writes down how
it was answered, and connects anew when it was cut off, until its time is over."""

import collections
import selectors
import socket
import time

# Where attacks come from; the neighbour is somebody else.
ATTACKERS = "127.0.0.2"
IP_BIND_ADDRESS_NO_PORT = 24

CODES = [
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
    "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
    "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
]


def name(code):
    return CODES[code] if code < len(CODES) else str(code)


class Wire:
    """One connection of an attacker, never blocking."""

    def __init__(self, address, tally):
        host, port = address.rsplit(":", 1)
        self.tally = tally
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # Else every connection, also one that has ended, has its port to itself.
        self.socket.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        self.socket.bind((ATTACKERS, 0))
        self.socket.settimeout(5)
        self.socket.connect((host, int(port)))
        self.socket.setblocking(False)
        self.unsent = memoryview(b"")
        self.unread = bytearray()
        self.skipping = 0
        self.window_given = 0
        self.ended = False

    def fileno(self):
        return self.socket.fileno()

    def send(self, data):
        """Queues bytes, and sends what the kernel takes."""
        self.unsent = memoryview(bytes(self.unsent) + data) if len(self.unsent) else \
            memoryview(data)
        self.push()

    def push(self):
        """Sends what is queued.

        - Returns: Whether all of it is gone."""
        while len(self.unsent) and not self.ended:
            try:
                sent = self.socket.send(self.unsent)
            except BlockingIOError:
                return False
            except OSError:
                self.drain()
                self.end("reset")
                return False
            self.unsent = self.unsent[sent:]
            self.tally["bytes"] += sent
        return True

    def drain(self, most=1 << 20):
        """Reads what is there."""
        while most > 0 and not self.ended:
            try:
                data = self.socket.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                return self.end("reset")
            if not data:
                return self.end("closed")
            most -= len(data)
            self.take(data)

    def take(self, data):
        """Frame by frame: how the server answers is in a few kinds of them."""
        skip = min(self.skipping, len(data))
        self.skipping -= skip
        self.unread += data[skip:]
        while len(self.unread) >= 9:
            length = int.from_bytes(self.unread[:3], "big")
            kind, flags = self.unread[3], self.unread[4]
            if kind in (1, 3, 7) and len(self.unread) < 9 + length:
                return
            payload = bytes(self.unread[9:9 + length])
            if kind == 7:
                self.tally["GOAWAY " + name(int.from_bytes(payload[4:8], "big"))] += 1
            elif kind == 3:
                self.tally["RST_STREAM " + name(int.from_bytes(payload, "big"))] += 1
            elif kind == 1 and flags & 1:
                self.tally["answers"] += 1
            self.skipping = max(0, 9 + length - len(self.unread))
            del self.unread[:9 + length]

    def end(self, how):
        if not self.ended:
            self.ended = True
            self.tally[how] += 1
            self.socket.close()


class Assault:
    """What an attack function is given.

    - address: The server's.
    - deadline: On the monotonic clock.
    - tally: Counts of what happened; the runner prints them."""

    def __init__(self, address, seconds):
        self.address = address
        self.deadline = time.monotonic() + seconds
        self.tally = collections.Counter()

    @property
    def is_over(self):
        return time.monotonic() >= self.deadline

    def connect(self):
        """A new connection; None when the server took none."""
        try:
            wire = Wire(self.address, self.tally)
        except OSError:
            self.tally["not connected"] += 1
            return None
        self.tally["connections"] += 1
        return wire

    def wait(self, wires, seconds=0.05):
        """Until one of them can be read, or the time has passed."""
        with selectors.DefaultSelector() as selector:
            for wire in wires:
                if not wire.ended:
                    selector.register(wire, selectors.EVENT_READ)
            for key, _ in selector.select(max(0, min(seconds, self.deadline - time.monotonic()))):
                key.fileobj.drain()

    def hear_out(self, wire, patience=1):
        """What is still said to somebody whose time is over."""
        until = time.monotonic() + patience
        with selectors.DefaultSelector() as selector:
            selector.register(wire, selectors.EVENT_READ)
            while not wire.ended and selector.select(max(0, until - time.monotonic())):
                wire.drain()
        if not wire.ended:
            wire.socket.close()

    def flood(self, opening, again, reads=True, each=None):
        """Sends `opening`, then `again` without end; both bytes, or made by calling them with the
        number of the round. Connects anew when cut off.

        - reads: Whether it takes what the server says.
        - each: Seconds of rest between rounds."""
        while not self.is_over:
            wire = self.connect()
            if wire is None:
                time.sleep(0.01)
                continue
            wire.send(opening)
            turn = 0
            while not wire.ended and not self.is_over:
                if wire.push():
                    wire.send(again(turn) if callable(again) else again)
                    turn += 1
                    if each:
                        time.sleep(each)
                elif not wire.ended:
                    with selectors.DefaultSelector() as selector:
                        events = selectors.EVENT_WRITE | (selectors.EVENT_READ if reads else 0)
                        selector.register(wire, events)
                        selector.select(0.2)
                if reads:
                    wire.drain()
            if not wire.ended:
                self.hear_out(wire)

    def hold(self, wires, refill=None):
        """Keeps connections to the end; those that were closed are opened anew by `refill`."""
        while not self.is_over:
            self.wait(wires)
            live = [wire for wire in wires if not wire.ended]
            if refill:
                live += [made for _ in range(len(wires) - len(live)) if (made := refill())]
            wires = live
            if not wires:
                time.sleep(0.01)
                wires = [made] if refill and (made := refill()) else []
        for wire in wires:
            wire.drain()
            wire.socket.close()
