"""Receivers of webhooks: Python's own HTTP server, and a check of signatures that owes Apus nothing."""

import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import queue
import ssl
import threading
import time

from clients import PATIENCE


def new_secret():
    return "whsec_" + base64.b64encode(os.urandom(32)).decode()


class Delivery:
    """One request as it came."""

    def __init__(self, path, headers, body):
        self.path = path
        self.headers = headers
        self.body = body
        self.at = time.monotonic()

    @property
    def json(self):
        return json.loads(self.body)

    def is_signed_by(self, secret):
        """As Standard Webhooks says a receiver should check."""
        stamp = self.headers["webhook-timestamp"]
        if abs(time.time() - int(stamp)) > 300:
            return False
        content = b".".join([self.headers["webhook-id"].encode(), stamp.encode(), self.body])
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return any(
            hmac.compare_digest(signature, "v1," + expected)
            for signature in self.headers["webhook-signature"].split(" ")
        )


class Receiver:
    """A server on loopback. `answer` says what it does with a request, once it was read.

    `answer` is a status, or a function of the handler; a list is used up one by one."""

    def __init__(self, answer=200, tls=None):
        self.answers = answer
        self.deliveries = queue.Queue()
        self.connections = 0
        self.closing = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                receiver.connections += 1

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.deliveries.put(Delivery(self.path, self.headers, body))
                answer = receiver.answers
                if isinstance(answer, list):
                    answer = answer.pop(0) if answer else 200
                if callable(answer):
                    with contextlib.suppress(OSError):
                        answer(self)
                    self.close_connection = True
                    return
                self.send_response(answer)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        if tls:
            certificate, key = tls
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.scheme = "https" if tls else "http"
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def url(self, path="/hook", host="127.0.0.1"):
        return f"{self.scheme}://{host}:{self.port}{path}"

    def next(self):
        return self.deliveries.get(timeout=PATIENCE)

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


# Answers of servers that mean no good, or are ill. They get the handler of a request.


def redirect_to(url):
    def answer(handler):
        handler.send_response(307)
        handler.send_header("location", url)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return answer


def unavailable(retry_after):
    def answer(handler):
        handler.send_response(503)
        handler.send_header("retry-after", str(retry_after))
        handler.send_header("content-length", "0")
        handler.end_headers()

    return answer


def endless_body(status):
    def answer(handler):
        handler.send_response(status)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 65536)

    return answer


def endless_headers(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        handler.wfile.write(b"x-more: " + b"x" * 1000 + b"\r\n")


def silence(receiver):
    """Says nothing until the receiver ends."""
    return lambda handler: receiver.closing.wait()
