"""Takes Apus' notifications, checks who sent them, and prints them.

    receiver.py --secret whsec_… [--port PORT] [--answers 503,200]

It needs Python alone, and checks signatures as https://www.standardwebhooks.com says. `--answers` are the
statuses of its first answers, for trying out what happens then; all others are 200. SIGTERM ends it.
"""

import argparse
import base64
import hashlib
import hmac
import http.server
import json
import signal
import sys
import threading
import time

# A message that is older was recorded by somebody and sent again.
TOLERANCE = 300


def is_signed(secret, headers, body):
    stamp = headers.get("webhook-timestamp", "")
    if not stamp.isdecimal() or abs(time.time() - int(stamp)) > TOLERANCE:
        return False
    content = b".".join([headers.get("webhook-id", "").encode(), stamp.encode(), body])
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    signatures = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(signature, expected) for signature in signatures)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not is_signed(self.server.secret, self.headers, body):
            return self.answer(401, "somebody else's message")
        message = json.loads(body)
        status = self.server.answers.pop(0) if self.server.answers else 200
        if status != 200:
            return self.answer(status, f"not now: {message['title']}")
        # The same message may come more than once: its id tells.
        again = message["id"] in self.server.taken
        self.server.taken.add(message["id"])
        to = message["to"] or "everybody"
        self.answer(200, f"{'again ' if again else ''}to {to}: {message['title']}. {message['text']}")

    def answer(self, status, told):
        print(f"  [receiver] {status} {told}", flush=True)
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--secret", required=True, help="whsec_…, as in Apus' configuration")
    parser.add_argument("--port", type=int, default=8080, help="0: any that is free")
    parser.add_argument("--answers", default="", help="statuses of the first answers: 503,200")
    arguments = parser.parse_args()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler)
    server.daemon_threads = True
    server.secret = arguments.secret
    server.answers = [int(status) for status in arguments.answers.split(",") if status]
    server.taken = set()
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"Receiver listens on http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
    server.server_close()


if __name__ == "__main__":
    sys.exit(main())
