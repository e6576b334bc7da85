"""A webhook endpoint with moods: it remembers what came, and what it said to it."""

import asyncio
import collections
import contextlib
import dataclasses
import random

REASONS = {200: "OK", 400: "Bad Request", 429: "Too Many", 500: "Broken", 503: "Unavailable"}
# A share of all requests goes wrong whatever the mood.
FLAKINESS = 0.05
POISON = 0.02


@dataclasses.dataclass
class Arrival:
    """One request: where it was sent to, which event and delivery, and the answer (0: none)."""

    hook: str
    event: str
    delivery: str
    answer: int


class Endpoint:
    """`POST /HOOK`. Moods: ok, failing, throttling, hanging, slow, resetting."""

    def __init__(self, seed):
        self.chance = random.Random(f"{seed}/endpoint")
        self.mood = "ok"
        self.calm = False
        self.arrivals = collections.defaultdict(list)
        self.server = None
        self.port = None

    async def start(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    def close(self):
        self.server.close()

    @contextlib.asynccontextmanager
    async def in_mood(self, mood):
        self.mood = mood
        try:
            yield
        finally:
            self.mood = "ok"

    async def accept(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while await self.serve(reader, writer):
                pass
        writer.transport.abort()

    async def serve(self, reader, writer):
        """False: the connection is over."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        await reader.readexactly(int(headers["content-length"]))
        arrival = Arrival(
            head[0].split()[1].strip("/"), headers["ce-id"], headers["webhook-id"], 0)
        self.arrivals[arrival.hook].append(arrival)
        answer = await self.answer(arrival)
        if answer is None:
            return False
        # Whoever reads this may act on it at once.
        arrival.answer = answer
        retry = "retry-after: 1\r\n" if answer in (429, 503) else ""
        writer.write(
            f"HTTP/1.1 {answer} {REASONS[answer]}\r\ncontent-length: 0\r\n{retry}\r\n".encode())
        await writer.drain()
        return True

    async def answer(self, arrival):
        """None: the connection is cut."""
        if self.is_poison(arrival.hook, arrival.event):
            return 400
        mood = self.mood
        if mood == "ok" and not self.calm and self.chance.random() < FLAKINESS:
            mood = self.chance.choice(["failing", "slow", "resetting"])
        match mood:
            case "failing": return 500
            case "throttling": return self.chance.choice([429, 503])
            case "hanging":
                # Longer than the webhook's time limit; an end of the mood ends it too.
                for _ in range(100):
                    await asyncio.sleep(0.1)
                    if self.mood != "hanging":
                        break
            case "slow": await asyncio.sleep(self.chance.uniform(0.05, 0.5))
            case "resetting": return None
        return 200

    @staticmethod
    def is_poison(hook, event):
        return hook != "loose" and random.Random(f"{hook}/{event}").random() < POISON
