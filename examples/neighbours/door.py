"""A door before a server: passes bytes on, until it is told to cut every connection."""

import contextlib
import socket
import struct
import threading


class Door:
    def __init__(self, host, port, inner):
        self.host, self.port, self.inner = host, port, inner
        self.lock = threading.Lock()
        self.listener, self.connections = None, set()
        self.open()

    def open(self):
        """Takes connections, after `close` at the same port again."""
        with self.lock:
            if self.listener is not None:
                return
            self.listener = socket.create_server((self.host, self.port), backlog=64)
            self.port = self.listener.getsockname()[1]
            threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def close(self):
        """Takes none any more, and cuts those that there are."""
        with self.lock:
            listener, self.listener = self.listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.drop()

    def drop(self):
        """Cuts every connection at once: the peer reads a reset, not an end."""
        with self.lock:
            connections, self.connections = self.connections, set()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.shutdown(socket.SHUT_RD)
            connection.close()

    def accept(self, listener):
        while True:
            try:
                outer, _ = listener.accept()
            except OSError:
                return
            inner = socket.create_connection(self.inner)
            for connection in (outer, inner):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections |= {outer, inner}
            for source, sink in ((outer, inner), (inner, outer)):
                threading.Thread(target=self.pass_on, args=(source, sink), daemon=True).start()

    def pass_on(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with self.lock:
                self.connections.discard(end)
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
