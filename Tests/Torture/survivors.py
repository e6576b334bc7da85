"""The clients of a torture: they go on whatever happens, and write down what they see."""

import asyncio
import contextlib
import random
import uuid

import grpc

from apus.v1 import (
    acknowledge_pb2,
    event_service_pb2_grpc,
    publish_pb2,
    subscribe_pb2,
)
from events import note
from google.protobuf import duration_pb2, empty_pb2
from history import Delivered

TENANT = (("x-tenant-id", "torture"),)
# What a client may be told while the world burns; anything else is a violation.
PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    # grpcio's own word for a connection that was cut in the middle of a message.
    grpc.StatusCode.UNKNOWN,
}
# What grpcio says of a write to a call that has ended meanwhile; no server sends it.
OWN_WORDS = "Internal error from Core"
KEEP_ALIVE = [
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
]


class Cluster:
    """Channels to every node, through the proxies that cut them."""

    def __init__(self, ports):
        self.channels = [
            grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=KEEP_ALIVE) for port in ports
        ]
        self.stubs = [event_service_pb2_grpc.EventServiceStub(c) for c in self.channels]

    def any(self, chance):
        return chance.choice(self.stubs)

    async def close(self):
        for channel in self.channels:
            await channel.close()


class Client:
    """What they share: a name, a chance of their own, and how they take errors."""

    metadata = TENANT

    def __init__(self, name, cluster, history, seed):
        self.name = name
        self.cluster = cluster
        self.history = history
        self.chance = random.Random(f"{seed}/{name}")
        # Faults are over and writers are done: come to rest.
        self.calm = asyncio.Event()

    def forgive(self, error, doing):
        if error.code() not in PASSING and error.details() != OWN_WORDS:
            self.history.violate(
                "errors that pass", f"{self.name}, {doing}: {error.code()} {error.details()}"
            )

    async def pause(self, most=0.3):
        await asyncio.sleep(self.chance.uniform(0.01, most))


class Writer(Client):
    """Publishes small batches, one after the other, each until it is acknowledged."""

    keys = 6

    def __init__(self, *arguments, rate):
        super().__init__(*arguments)
        self.rate = rate
        self.number = 0

    def batch(self):
        events = []
        for _ in range(self.chance.choice([1, 1, 1, 2, 5])):
            self.number += 1
            id = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
            key = f"{self.name}-{self.chance.randrange(self.keys)}"
            payload = f"{self.name}-{self.number}"
            self.history.sent[id] = (self.name, key, payload)
            events.append(note(payload, id=id, partition_key=key))
        return events

    async def run(self):
        while not self.calm.is_set():
            await self.publish(self.batch())
            await asyncio.sleep(self.chance.expovariate(self.rate))

    async def publish(self, events):
        request = publish_pb2.PublishRequest(events=events)
        while True:
            try:
                answer = await self.cluster.any(self.chance).Publish(
                    request, timeout=self.chance.uniform(1, 10), metadata=self.metadata
                )
            except grpc.aio.AioRpcError as error:
                self.forgive(error, "publishing")
                await self.pause()
                continue
            self.acknowledge(events, answer.results)
            return

    def acknowledge(self, events, results):
        for event, result in zip(events, results, strict=True):
            if result.event_id != event.id:
                self.history.violate("answers are true", f"{event.id}: {result}")
            self.history.acknowledged[event.id] = result.position
            self.note_order(result.position)

    def note_order(self, position):
        self.history.writers[self.name].append(position)


class StreamWriter(Writer):
    """Publishes over PublishStream, several requests in flight; what a lost stream leaves without
    an answer is sent again."""

    in_flight = 8

    async def run(self):
        waiting = []
        while waiting or not self.calm.is_set():
            try:
                await self.stream(waiting)
            except grpc.aio.AioRpcError as error:
                self.forgive(error, "streaming")
                await self.pause()

    async def stream(self, waiting):
        call = self.cluster.any(self.chance).PublishStream(
            metadata=TENANT, timeout=self.chance.uniform(3, 15)
        )
        with contextlib.suppress(asyncio.InvalidStateError):
            for events in waiting:
                await call.write(publish_pb2.PublishRequest(events=events))
            while waiting or not self.calm.is_set():
                while len(waiting) < self.in_flight and not self.calm.is_set():
                    events = self.batch()
                    waiting.append(events)
                    await call.write(publish_pb2.PublishRequest(events=events))
                answer = await call.read()
                if answer is grpc.aio.EOF:
                    break
                events = waiting.pop(0)
                if answer.HasField("error"):
                    self.forgive_answer(answer.error)
                    waiting.append(events)
                    await call.write(publish_pb2.PublishRequest(events=events))
                else:
                    self.acknowledge(events, answer.results)
                await asyncio.sleep(self.chance.expovariate(self.rate))
            await call.done_writing()
        status = await call.code()
        if status is not grpc.StatusCode.OK:
            raise grpc.aio.AioRpcError(
                status, grpc.aio.Metadata(), grpc.aio.Metadata(), await call.details()
            )


    def note_order(self, position):
        """Says nothing: a request that failed is sent again behind those that did not."""

    def forgive_answer(self, error):
        """One request failed, the stream goes on."""
        if error.code not in {code.value[0] for code in PASSING}:
            self.history.violate("errors that pass", f"{self.name}: {error}")


class Subscriber(Client):
    """Reads the log from the beginning; after every loss it goes on from its last cursor."""

    def __init__(self, *arguments, slowness=0.0):
        super().__init__(*arguments)
        self.slowness = slowness
        self.cursor = None

    async def run(self):
        while True:
            try:
                await self.follow()
            except grpc.aio.AioRpcError as error:
                self.forgive(error, "subscribing")
            await self.pause()

    async def follow(self):
        request = subscribe_pb2.SubscribeRequest(
            heartbeat_interval=duration_pb2.Duration(seconds=1)
        )
        if self.cursor is None:
            request.beginning.CopyFrom(empty_pb2.Empty())
        else:
            request.cursor = self.cursor
        seen = self.history.subscribers[self.name]
        # Now and then it leaves by itself.
        patience = self.chance.uniform(2, 30)
        call = self.cluster.any(self.chance).Subscribe(request, metadata=TENANT, timeout=patience)
        async for answer in call:
            for delivery in answer.deliveries:
                seen.append((delivery.event.position, delivery.event.id))
                self.cursor = delivery.cursor
                if self.slowness and not self.calm.is_set():
                    await asyncio.sleep(self.slowness)
            if answer.HasField("checkpoint"):
                self.cursor = answer.checkpoint.cursor


class Member(Client):
    """A member of a group: acknowledges, refuses, delays, falls silent and vanishes."""

    def __init__(self, *arguments, group, poison=0.0):
        super().__init__(*arguments)
        self.group = group
        # The share of events that nobody ever manages.
        self.poison = poison

    async def run(self):
        while True:
            try:
                await self.take_part()
            except grpc.aio.AioRpcError as error:
                self.forgive(error, f"in group {self.group}")
            await self.pause()

    async def take_part(self):
        request = subscribe_pb2.SubscribeRequest(
            group=self.group, max_in_flight=self.chance.choice([1, 8, 64, 256])
        )
        patience = 600 if self.calm.is_set() else self.chance.uniform(1, 20)
        call = self.cluster.any(self.chance).Subscribe(request, metadata=TENANT, timeout=patience)
        async for answer in call:
            acks = []
            for delivery in answer.deliveries:
                event = delivery.event
                self.history.deliveries[self.group].append(self.record(delivery))
                action = self.choose(event)
                if action is not None:
                    acks.append((event.id, delivery.attempt, self.ack(delivery, action)))
            if acks:
                await self.acknowledge(acks)

    def record(self, delivery):
        event = delivery.event
        return Delivered(
            self.history.tick(), event.id, event.position, event.partition_key, delivery.attempt,
            delivery.delivery_id, delivery.ack_token,
        )

    def is_poison(self, event):
        return random.Random(event.id).random() < self.poison

    def choose(self, event):
        if self.is_poison(event):
            return acknowledge_pb2.ACK_ACTION_RETRY
        if self.calm.is_set():
            return acknowledge_pb2.ACK_ACTION_ACK
        return self.chance.choices(
            [
                acknowledge_pb2.ACK_ACTION_ACK, acknowledge_pb2.ACK_ACTION_RETRY,
                acknowledge_pb2.ACK_ACTION_RELEASE, acknowledge_pb2.ACK_ACTION_EXTEND, None,
            ],
            [90, 4, 2, 2, 2],
        )[0]

    def ack(self, delivery, action):
        made = acknowledge_pb2.Ack(ack_token=delivery.ack_token, action=action)
        if action == acknowledge_pb2.ACK_ACTION_RETRY:
            made.reason = "chance"
            made.delay.FromMilliseconds(self.chance.randrange(300))
        if action == acknowledge_pb2.ACK_ACTION_EXTEND:
            made.delay.FromMilliseconds(500)
        return made

    async def acknowledge(self, acks):
        """On any node; an answer that was lost is asked for again, which may say "expired"."""
        finishing = self.history.finishing[self.group]
        request = acknowledge_pb2.AcknowledgeRequest(
            group=self.group, acks=[ack for _, _, ack in acks]
        )
        for id, _, ack in acks:
            if ack.action == acknowledge_pb2.ACK_ACTION_ACK:
                finishing.setdefault(id, self.history.tick())
        answer_was_lost = False
        for _ in range(20):
            try:
                answer = await self.cluster.any(self.chance).Acknowledge(
                    request, timeout=self.chance.uniform(1, 5), metadata=TENANT
                )
            except grpc.aio.AioRpcError as error:
                self.forgive(error, f"acknowledging in group {self.group}")
                answer_was_lost = True
                await self.pause()
                continue
            expired = set(answer.expired_ack_tokens)
            for id, attempt, ack in acks:
                if ack.action != acknowledge_pb2.ACK_ACTION_ACK:
                    continue
                if ack.ack_token not in expired:
                    self.history.finished[self.group][id].add((attempt, ack.ack_token))
                elif answer_was_lost:
                    self.history.unsure[self.group].add(id)
            return
        self.history.unsure[self.group].update(id for id, _, _ in acks)
