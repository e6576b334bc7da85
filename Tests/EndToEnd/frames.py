"""HTTP/2 spoken frame by frame, with the h2 library, and whatever bytes a test likes."""

import socket

import h2.config
import h2.connection
import h2.events

PATIENCE = 30


class Wire:
    """One TCP connection on which a test speaks HTTP/2, or worse."""

    def __init__(self, node, handshake=True):
        host, port = node.address.rsplit(":", 1)
        self.authority = node.address
        self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE)
        config = h2.config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.h2 = h2.connection.H2Connection(config)
        self.seen = []
        if handshake:
            self.h2.initiate_connection()
            self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def flush(self):
        self.raw(self.h2.data_to_send())

    def raw(self, data):
        self.socket.sendall(data)

    def request(self, method, path, headers=(), body=b"", end=True):
        """Sends one request; its stream's number."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [
            (":method", method), (":scheme", "http"), (":authority", self.authority),
            (":path", path), *headers,
        ], end_stream=end and not body)
        if body:
            self.h2.send_data(stream, body, end_stream=end)
        self.flush()
        return stream

    def grpc(self, method, message=b"", headers=(), end=True, body=None):
        """Sends one gRPC call with one message."""
        if body is None:
            body = b"\0" + len(message).to_bytes(4, "big") + message
        return self.request("POST", f"/apus.v1.EventService/{method}", [
            ("te", "trailers"), ("content-type", "application/grpc"), *headers,
        ], body, end)

    def events(self):
        """Events as they come, until the peer closes."""
        while data := self.receive():
            found = self.h2.receive_data(data)
            self.flush_quietly()
            for event in found:
                if isinstance(event, h2.events.DataReceived):
                    self.h2.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id
                    )
                    self.flush_quietly()
                self.seen.append(event)
                yield event

    def receive(self):
        try:
            return self.socket.recv(65536)
        except ConnectionError:
            return b""

    def flush_quietly(self):
        try:
            self.flush()
        except OSError:
            pass  # the peer has closed; what it said before is still read

    def answer(self, stream):
        """Headers (with trailers) and body of a stream's answer; a reset has its code."""
        headers, body = {}, b""
        for event in self.events():
            if getattr(event, "stream_id", None) != stream:
                continue
            if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                headers.update(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                body += event.data
            elif isinstance(event, h2.events.StreamReset):
                headers["reset"] = event.error_code
                return headers, body
            elif isinstance(event, h2.events.StreamEnded):
                return headers, body
        raise AssertionError(f"closed before stream {stream} was answered: {self.seen}")

    def wait_for(self, kind):
        for event in self.events():
            if isinstance(event, kind):
                return event
        raise AssertionError(f"closed before {kind.__name__}")

    def drained(self):
        """Reads to the end of the connection; whether it said GOAWAY on the way."""
        said = False
        data = self.receive()
        while data:
            try:
                events = self.h2.receive_data(data)
                said = said or any(isinstance(e, h2.events.ConnectionTerminated) for e in events)
            except Exception:
                pass  # after a break of rules on our side h2 may not follow any more
            data = self.receive()
        return said
