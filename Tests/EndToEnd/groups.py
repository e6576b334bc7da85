"""How the tests work with groups: a tenant's groups, and members that acknowledge."""

import queue
import threading
import time

import grpc

import stubs  # noqa: F401  (first: it puts the generated code on the path)
from apus.v1 import (
    acknowledge_pb2,
    dead_letter_pb2,
    filter_pb2,
    group_pb2,
    group_service_pb2,
    group_service_pb2_grpc,
    handler_service_pb2_grpc,
    subscribe_pb2,
)
from clients import PATIENCE, eventually, seconds
from google.protobuf import empty_pb2, field_mask_pb2

ACK = acknowledge_pb2.ACK_ACTION_ACK
RETRY = acknowledge_pb2.ACK_ACTION_RETRY
DEAD_LETTER = acknowledge_pb2.ACK_ACTION_DEAD_LETTER
EXTEND = acknowledge_pb2.ACK_ACTION_EXTEND
RELEASE = acknowledge_pb2.ACK_ACTION_RELEASE

CONTINUE = group_pb2.GROUP_ORDERING_CONTINUE
HOLD = group_pb2.GROUP_ORDERING_HOLD


def group(name, *types, ack_deadline=None, **fields):
    """A Group; `beginning=True` and `end=True` are short for the empty messages."""
    for start in ("beginning", "end"):
        if fields.get(start) is True:
            fields[start] = empty_pb2.Empty()
    if types:
        fields["filter"] = filter_pb2.Filter(types=types)
    if ack_deadline is not None:
        fields["ack_deadline"] = seconds(ack_deadline)
    return group_pb2.Group(name=name, **fields)


class Groups:
    """A tenant's groups on one node: GroupService, HandlerService, and members."""

    def __init__(self, client):
        self.client = client
        self.groups = group_service_pb2_grpc.GroupServiceStub(client.channel)
        self.handlers = handler_service_pb2_grpc.HandlerServiceStub(client.channel)
        self.members = []

    def call(self, stub, method, request):
        return getattr(stub, method)(request, timeout=PATIENCE, metadata=self.client.metadata)

    def create(self, *arguments, **fields):
        request = group_service_pb2.CreateGroupRequest(group=group(*arguments, **fields))
        return self.call(self.groups, "CreateGroup", request)

    def get(self, name):
        return self.call(self.groups, "GetGroup", group_service_pb2.GetGroupRequest(name=name))

    def list(self, **fields):
        request = group_service_pb2.ListGroupsRequest(**fields)
        return self.call(self.groups, "ListGroups", request)

    def update(self, changed, *mask):
        request = group_service_pb2.UpdateGroupRequest(group=changed)
        if mask:
            request.update_mask.CopyFrom(field_mask_pb2.FieldMask(paths=mask))
        return self.call(self.groups, "UpdateGroup", request)

    def reset(self, name, **start):
        for empty in ("beginning", "end"):
            if start.get(empty) is True:
                start[empty] = empty_pb2.Empty()
        request = group_service_pb2.ResetGroupRequest(name=name, **start)
        return self.call(self.groups, "ResetGroup", request)

    def delete(self, name):
        request = group_service_pb2.DeleteGroupRequest(name=name)
        return self.call(self.groups, "DeleteGroup", request)

    def settled(self, name, **wanted):
        """The group once its counts are these."""

        def found():
            answer = self.get(name)
            same = all(getattr(answer, key) == value for key, value in wanted.items())
            return answer if same else None

        return eventually(found, f"{name} has {wanted}")

    # Members

    def join(self, name, timeout=PATIENCE * 2, heartbeat=None, **fields):
        """A member: its deliveries are read in the background, as they come."""
        if heartbeat is not None:
            fields["heartbeat_interval"] = seconds(heartbeat)
        request = subscribe_pb2.SubscribeRequest(group=name, **fields)
        member = Member(self, name, self.client.call("Subscribe", request, timeout))
        self.members.append(member)
        return member

    def acknowledge(self, name, *acks):
        """The expired tokens of one Acknowledge."""
        request = acknowledge_pb2.AcknowledgeRequest(group=name, acks=acks)
        return list(self.client.call("Acknowledge", request).expired_ack_tokens)

    def close(self):
        for member in self.members:
            member.leave()

    # Dead letters

    def dead_letters(self, **fields):
        request = dead_letter_pb2.ListDeadLettersRequest(**fields)
        return self.call(self.handlers, "ListDeadLetters", request)

    def retry(self, **fields):
        request = dead_letter_pb2.RetryDeadLettersRequest(**fields)
        return self.call(self.handlers, "RetryDeadLetters", request).retried

    def discard(self, reason="not needed", **fields):
        request = dead_letter_pb2.DiscardDeadLettersRequest(reason=reason, **fields)
        return self.call(self.handlers, "DiscardDeadLetters", request).discarded


def ack(delivery, action=ACK, reason="", delay=None):
    told = acknowledge_pb2.Ack(ack_token=delivery.ack_token, action=action, reason=reason)
    if delay is not None:
        told.delay.CopyFrom(seconds(delay))
    return told


class Member:
    """One Subscribe with a group. Items wait in a queue, so that a test waits for them by name."""

    def __init__(self, groups, name, call):
        self.groups = groups
        self.name = name
        self.call = call
        self.items = queue.SimpleQueue()
        self.error = None
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        try:
            for response in self.call:
                for delivery in response.deliveries:
                    self.items.put(("delivery", delivery))
                if response.HasField("checkpoint"):
                    self.items.put(("checkpoint", response.checkpoint))
                if response.HasField("caught_up"):
                    self.items.put(("caught_up", response.caught_up))
        except grpc.RpcError as error:
            self.error = error
        self.items.put(("end", self.error))

    def item(self, patience=PATIENCE):
        return self.items.get(timeout=patience)

    def next(self, wanted="delivery"):
        """The next item of a kind; what comes before it is skipped."""
        deadline = time.monotonic() + PATIENCE
        while True:
            kind, item = self.item(max(0.001, deadline - time.monotonic()))
            if kind == wanted:
                return item
            assert kind != "end", f"the stream ended before a {wanted}: {item}"

    def take(self, count):
        return [self.next() for _ in range(count)]

    def waiting(self):
        """The deliveries that have come and were not taken."""
        found = []
        while True:
            try:
                kind, item = self.items.get_nowait()
            except queue.Empty:
                return found
            if kind == "delivery":
                found.append(item)

    def answer(self, *deliveries, action=ACK, **options):
        """The expired tokens of one Acknowledge."""
        return self.groups.acknowledge(
            self.name, *[ack(delivery, action, **options) for delivery in deliveries]
        )

    def work(self, count):
        """Takes and acknowledges so many deliveries."""
        done = []
        while len(done) < count:
            done.append(self.next())
            assert self.answer(done[-1]) == []
        return done

    def ended(self):
        """The status that the stream ended with."""
        while True:
            kind, error = self.item()
            if kind == "end":
                return error.code() if error is not None else grpc.StatusCode.OK

    def leave(self):
        self.call.cancel()
        self.thread.join(PATIENCE)


def published_until_delivered(member, make):
    """Publishes one event after another until one comes to the member; nodes hear of a change of
    their groups a little later."""
    for n in range(150):
        member.groups.client.publish(make(n))
        try:
            kind, item = member.item(0.2)
        except queue.Empty:
            continue
        if kind == "delivery":
            return item
    raise AssertionError("nothing was delivered")


def subjects(deliveries):
    return [delivery.event.subject for delivery in deliveries]


def ids(deliveries):
    return [delivery.event.id for delivery in deliveries]


def by_key(deliveries):
    """Partition key → positions, in the order of the deliveries."""
    found = {}
    for delivery in deliveries:
        found.setdefault(delivery.event.partition_key, []).append(delivery.event.position)
    return found
