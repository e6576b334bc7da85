"""What handlers call, and what becomes of it: the neighbours' Python services and an endpoint."""

import asyncio

from nemesis import Nemesis
from neighbours import RETRIED, Neighbour

# Some calls only: what they are about becomes a dead letter.
PERMANENT_TIMES = 3


class Neighbourhood:
    def __init__(self, endpoint):
        self.engine = Neighbour("mcp_engine")
        self.hub = Neighbour("security_hub")
        self.endpoint = endpoint

    def calm(self):
        """Keeps what they were asked, unlike a reset."""
        for service in (self.engine, self.hub):
            service.set()
            service.release()
        self.endpoint.calm = True

    def close(self):
        self.engine.close()
        self.hub.close()
        self.endpoint.close()


class HandlerNemesis(Nemesis):
    """Breaks what handlers call as well."""

    pace = 0.8

    faults = [
        *Nemesis.faults, "kill_node", "kill_node",
        "fail_engine", "hold_engine", "drop_engine", "slow_engine", "refuse_engine",
        "fail_hub", "hold_hub", "drop_hub", "refuse_hub",
        "endpoint_failing", "endpoint_throttling", "endpoint_hanging", "endpoint_slow",
        "endpoint_resetting",
    ]

    def __init__(self, *arguments, neighbourhood, **options):
        super().__init__(*arguments, **options)
        self.neighbourhood = neighbourhood
        self.held |= {place: asyncio.Lock() for place in ("engine", "hub", "endpoint")}

    def place(self, fault, node):
        for place in ("engine", "hub", "endpoint"):
            if place in fault:
                return place
        return super().place(fault, node)

    def action(self, fault):
        place = self.place(fault, None)
        if place == "endpoint":
            return lambda _, length: self.endpoint(fault.removeprefix("endpoint_"), length)
        if place in ("engine", "hub"):
            service = getattr(self.neighbourhood, place)
            how = fault.removesuffix(f"_{place}")
            return lambda node, length: self.break_service(service, how, node, length)
        return super().action(fault)

    async def endpoint(self, mood, length):
        async with self.neighbourhood.endpoint.in_mood(mood):
            await asyncio.sleep(length)

    async def break_service(self, service, how, node, length):
        """Which code it fails with follows from the draws of the plan."""
        codes = [*RETRIED, "INVALID_ARGUMENT", "INTERNAL"]
        code = codes[int(length * 1000 + node) % len(codes)]
        rule = {
            "fail": {"fail": code}, "hold": {"hold": True}, "drop": {"drop": True},
            "slow": {"delay": 0.3}, "refuse": {},
        }[how]
        if code not in RETRIED and how == "fail":
            rule["times"] = PERMANENT_TIMES
        if how == "refuse":
            await asyncio.to_thread(service.refuse)
        else:
            await asyncio.to_thread(lambda: service.set(**rule))
        await asyncio.sleep(length)
        await asyncio.to_thread(self.mend, service)

    def mend(self, service):
        service.set()
        service.release()
        service.accept()
