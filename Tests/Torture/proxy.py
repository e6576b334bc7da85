"""A TCP proxy on loopback that can misbehave: delay, swallow, cut and half-close connections."""

import asyncio
import contextlib
import socket


class Proxy:
    """Forwards every connection to one target until it is told to do worse."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.port = None
        self.delay = 0.0
        self.links = set()
        self.server = None
        self.flows = asyncio.Event()
        self.flows.set()

    async def start(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self):
        self.server.close()
        self.cut()
        await self.server.wait_closed()

    async def accept(self, reader, writer):
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.transport.abort()
            return
        link = (writer, upstream[1])
        self.links.add(link)
        try:
            await asyncio.gather(
                self.pump(reader, upstream[1]), self.pump(upstream[0], writer)
            )
        finally:
            self.links.discard(link)
            for end in link:
                end.transport.abort()

    async def pump(self, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(64 << 10):
                await self.flows.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()

    def cut(self):
        """Every connection ends with a reset, from both sides."""
        for link in list(self.links):
            for end in link:
                end.transport.abort()

    def half_close(self):
        """Each client's connection is shut for writing: it reads the end, and may still send."""
        for client, _ in list(self.links):
            with contextlib.suppress(OSError):
                client.get_extra_info("socket").shutdown(socket.SHUT_WR)

    @contextlib.asynccontextmanager
    async def swallowing(self):
        """Nothing passes, and nobody is told; what was sent meanwhile arrives late."""
        self.flows.clear()
        try:
            yield
        finally:
            self.flows.set()

    @contextlib.asynccontextmanager
    async def delaying(self, seconds):
        self.delay = seconds
        try:
            yield
        finally:
            self.delay = 0.0
