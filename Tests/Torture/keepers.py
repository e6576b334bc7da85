"""The groups of a torture: how each is made, and when it is done."""

import asyncio
import dataclasses

import grpc

from apus.v1 import dead_letter_pb2, group_pb2, group_service_pb2, group_service_pb2_grpc
from apus.v1 import handler_service_pb2_grpc
from google.protobuf import empty_pb2
from survivors import Client, Member, TENANT


@dataclasses.dataclass(frozen=True)
class Plan:
    """A group, its members, and how much of what they get is poison."""

    name: str
    max_attempts: int
    holds: bool = False
    poison: float = 0.0
    members: int = 3

    @property
    def rules(self):
        return {"max_attempts": self.max_attempts, "holds": self.holds}


PLANS = [
    Plan("work", max_attempts=1000, members=4),
    Plan("poisoned", max_attempts=4, poison=0.02),
    Plan("held", max_attempts=3, holds=True, poison=0.01),
]
ACK_DEADLINE = 2


class Keeper(Client):
    """Makes a group, joins members to it, and sees it through to its end."""

    def __init__(self, plan, *arguments):
        super().__init__(f"keeper-{plan.name}", *arguments)
        self.plan = plan
        self.members = [
            Member(f"{plan.name}-{n}", *arguments, group=plan.name, poison=plan.poison)
            for n in range(plan.members)
        ]

    async def ask(self, service, method, request):
        """Until somebody answers."""
        while True:
            try:
                stub = service(self.chance.choice(self.cluster.channels))
                return await getattr(stub, method)(request, timeout=5, metadata=TENANT)
            except grpc.aio.AioRpcError as error:
                self.forgive(error, method)
                await self.pause()

    async def create(self):
        group = group_pb2.Group(
            name=self.plan.name, beginning=empty_pb2.Empty(), max_attempts=self.plan.max_attempts
        )
        group.ack_deadline.FromSeconds(ACK_DEADLINE)
        if self.plan.holds:
            group.ordering = group_pb2.GROUP_ORDERING_HOLD
        await self.ask(
            group_service_pb2_grpc.GroupServiceStub, "CreateGroup",
            group_service_pb2.CreateGroupRequest(group=group),
        )

    async def finish(self):
        """Returns when nothing is left to hand out; discards what holds up its key."""
        while True:
            await self.bury()
            status = await self.ask(
                group_service_pb2_grpc.GroupServiceStub, "GetGroup",
                group_service_pb2.GetGroupRequest(name=self.plan.name),
            )
            if status.lag_events == 0 and status.in_flight == 0:
                await self.bury()
                return
            await asyncio.sleep(0.5)

    async def bury(self):
        consumer = f"group/{self.plan.name}"
        listing = dead_letter_pb2.ListDeadLettersRequest(consumer=consumer, page_size=1000)
        service = handler_service_pb2_grpc.HandlerServiceStub
        answer = await self.ask(service, "ListDeadLetters", listing)
        ids = [letter.event.id for letter in answer.dead_letters]
        for id in ids:
            self.history.dead[self.plan.name].add(id)
            self.history.discarded[self.plan.name].setdefault(id, self.history.tick())
        if ids and self.plan.holds:
            await self.ask(
                service, "DiscardDeadLetters",
                dead_letter_pb2.DiscardDeadLettersRequest(
                    consumer=consumer, ids=ids, reason="the torture is over"
                ),
            )
