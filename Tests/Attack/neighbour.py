"""The well-behaved client: a process of its own, one connection, calls at a steady pace.

    neighbour.py ADDRESS SECONDS CALLS_A_SECOND [CA_FILE]  →  {"calls": …, "errors": […], "p50": …, "p99": …}
"""

import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "EndToEnd"))

import grpc  # noqa: E402

from clients import Client  # noqa: E402
from events import note  # noqa: E402
from apus.v1 import health_pb2  # noqa: E402

PATIENCE = 10


class Address:
    """As much of a node as a client needs."""

    def __init__(self, address, authority):
        self.address = address
        self.authority = authority

    def channel(self, **options):
        options = list(options.items())
        if not self.authority:
            return grpc.insecure_channel(self.address, options=options)
        credentials = grpc.ssl_channel_credentials(pathlib.Path(self.authority).read_bytes())
        return grpc.secure_channel(self.address, credentials, options=options)


def main(address, seconds, rate, authority=None):
    latencies, errors = [], []
    with Client(Address(address, authority), "neighbour") as client:
        id = client.publish_one(note()).event_id
        start = time.monotonic()
        for turn in range(int(seconds * rate)):
            if (rest := start + turn / rate - time.monotonic()) > 0:
                time.sleep(rest)
            if time.monotonic() > start + seconds:
                break
            began = time.perf_counter()
            try:
                if turn % 2:
                    client.call("Health", health_pb2.HealthRequest(), PATIENCE)
                else:
                    client.get(id)
            except grpc.RpcError as error:
                errors.append(f"{error.code().name}: {error.details()}")
            latencies.append(time.perf_counter() - began)
    latencies.sort()
    print(json.dumps({
        "calls": len(latencies), "errors": errors,
        "p50": latencies[len(latencies) // 2], "p99": latencies[int(len(latencies) * 0.99)],
    }))


main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), *sys.argv[4:])
