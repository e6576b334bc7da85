"""How the tests talk to a node: one client per tenant, over Python's own gRPC."""

import threading
import time
import uuid

import grpc

import stubs  # noqa: F401  (first: it puts the generated code on the path)
from apus.v1 import (
    event_service_pb2_grpc,
    filter_pb2,
    lookup_pb2,
    publish_pb2,
    replay_pb2,
    subscribe_pb2,
)
from events import event, lead
from google.protobuf import duration_pb2, empty_pb2, timestamp_pb2

# Long enough for a busy machine; a test that needs it all has found a hang.
PATIENCE = 30

__all__ = [
    "PATIENCE", "Client", "Reading", "event", "eventually", "lead", "moment", "new_id", "seconds",
]


def new_id():
    return str(uuid.uuid4())


def seconds(value):
    whole = int(value)
    return duration_pb2.Duration(seconds=whole, nanos=int(round((value - whole) * 1e9)))


def moment(value, nanos=0):
    return timestamp_pb2.Timestamp(seconds=value, nanos=nanos)


def eventually(probe, what, patience=PATIENCE, pause=0.01):
    """The first true answer of `probe`; for states that have no signal to wait on.

    Longer pauses are for probes that cost something."""
    deadline = time.monotonic() + patience
    never = threading.Event()
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {patience} s: {what}"
        never.wait(pause)


class Client:
    """One tenant's calls on one node, each with a deadline."""

    def __init__(self, node, tenant=None, metadata=(), **options):
        self.tenant = tenant
        self.metadata = tuple(metadata)
        if tenant is not None:
            self.metadata += (("x-tenant-id", tenant),)
        self.channel = node.channel(**options)
        self.stub = event_service_pb2_grpc.EventServiceStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.channel.close()

    def call(self, method, request, timeout=PATIENCE, metadata=()):
        return getattr(self.stub, method)(
            request, timeout=timeout, metadata=self.metadata + tuple(metadata)
        )

    # Publish

    def publish(self, *events, metadata=(), timeout=PATIENCE, **fields):
        """The results of one Publish."""
        request = publish_pb2.PublishRequest(events=events, **fields)
        return list(self.call("Publish", request, timeout, metadata).results)

    def publish_one(self, an_event, **options):
        (result,) = self.publish(an_event, **options)
        return result

    def publish_stream(self, requests, timeout=PATIENCE):
        return self.call("PublishStream", iter(requests), timeout)

    # Subscribe

    def subscribe(self, *types, timeout=PATIENCE, filter=None, heartbeat=None, **fields):
        """Starts a Subscribe; `beginning=True` and `end=True` are short for the empty messages."""
        for start in ("beginning", "end"):
            if fields.get(start) is True:
                fields[start] = empty_pb2.Empty()
        if heartbeat is not None:
            fields["heartbeat_interval"] = seconds(heartbeat)
        wanted = dict(filter or {})
        if types:
            wanted["types"] = types
        request = subscribe_pb2.SubscribeRequest(filter=filter_pb2.Filter(**wanted), **fields)
        return Reading(self.call("Subscribe", request, timeout))

    def live(self, *types, **fields):
        """A Subscribe that has reached the head: what is published from now on will come."""
        reading = self.subscribe(*types, **fields)
        reading.caught_up()
        return reading

    def history(self, *types, **fields):
        """All deliveries up to the head."""
        if not {"end", "after_position", "since", "cursor"} & fields.keys():
            fields.setdefault("beginning", True)
        reading = self.subscribe(*types, until_caught_up=True, **fields)
        return [item for kind, item in reading if kind == "delivery"]

    # Look-ups and replay

    def get(self, id, **fields):
        return self.call("GetEvent", lookup_pb2.GetEventRequest(id=id, **fields))

    def processed(self, id):
        """The look-up of an event once its handlers are done with it."""

        def done():
            answer = self.get(id)
            return answer if answer.status == lookup_pb2.EVENT_STATUS_PROCESSED else None

        return eventually(done, f"{id} is processed")

    def list(self, *types, filter=None, **fields):
        wanted = dict(filter or {})
        if types:
            wanted["types"] = types
        request = lookup_pb2.ListEventsRequest(filter=filter_pb2.Filter(**wanted), **fields)
        return self.call("ListEvents", request)

    def replay(self, ids=None, **fields):
        if ids is not None:
            fields["ids"] = replay_pb2.EventIds(ids=ids)
        return self.call("Replay", replay_pb2.ReplayRequest(**fields))

    def replay_done(self, replay_id):
        """The replay once it has ended."""
        ended = {
            replay_pb2.REPLAY_STATE_COMPLETED,
            replay_pb2.REPLAY_STATE_CANCELLED,
            replay_pb2.REPLAY_STATE_FAILED,
        }

        def done():
            request = replay_pb2.GetReplayRequest(replay_id=replay_id)
            answer = self.call("GetReplay", request)
            return answer if answer.state in ended else None

        return eventually(done, f"replay {replay_id} has ended")


class Reading:
    """One Subscribe call, read item by item: deliveries, then checkpoint, then caught-up."""

    def __init__(self, call):
        self.call = call
        self.items = self.flatten()

    def flatten(self):
        for response in self.call:
            for delivery in response.deliveries:
                yield "delivery", delivery
            if response.HasField("checkpoint"):
                yield "checkpoint", response.checkpoint
            if response.HasField("caught_up"):
                yield "caught_up", response.caught_up

    def __iter__(self):
        return self.items

    def next(self, wanted):
        """The next item of a kind; what comes before it is skipped."""
        for kind, item in self.items:
            if kind == wanted:
                return item
        raise AssertionError(f"the stream ended before a {wanted}")

    def caught_up(self):
        return self.next("caught_up")

    def take(self, count):
        """The next `count` deliveries."""
        return [self.next("delivery") for _ in range(count)]

    def take_ids(self, count):
        return [delivery.event.id for delivery in self.take(count)]

    def up_to(self, position):
        """The deliveries up to a position that a checkpoint or a delivery vouches for."""
        found = []
        for kind, item in self.items:
            if kind == "delivery":
                found.append(item)
            if (item.event.position if kind == "delivery" else item.position) >= position:
                return found
        raise AssertionError(f"the stream ended before position {position}")

    def cancel(self):
        self.call.cancel()
