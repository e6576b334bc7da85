"""The faults: which, when and on whom follows from the seed alone."""

import asyncio
import contextlib
import random
import signal

import psycopg


class Nemesis:
    """Breaks nodes, the database and what lies between, and mends all of it in the end."""

    faults = [
        "kill_node", "kill_node", "stop_node", "freeze_node", "doze_node", "crash_database",
        "restart_database", "cut_store", "swallow_store", "delay_store", "half_close_store",
        "cut_clients", "swallow_clients", "terminate_backends", "open_transaction",
    ]

    # Faults a second.
    pace = 0.4

    def __init__(self, seed, stage, history, lease=6.0):
        self.chance = random.Random(f"{seed}/nemesis")
        self.history = history
        self.nodes = stage.nodes
        self.database = stage.database
        self.store_proxies = stage.store_proxies
        self.client_proxies = stage.client_proxies
        self.tell = stage.tell
        # A node that wakes up after this has lost its partitions.
        self.long_pause = 1.5 * lease
        # One at a time has each thing in its hands.
        self.held = {key: asyncio.Lock() for key in [*range(len(self.nodes)), "database"]}

    def plan(self, seconds, faults=None):
        """(moment, fault, node, length), ordered by moment."""
        disk = ["fill_disk"] if self.database.has_volume else []
        wanted = faults or [*self.faults, *disk]
        plan = []
        at = 2.0
        while at < seconds - 3:
            plan.append(
                (at, self.chance.choice(wanted), self.chance.randrange(len(self.nodes)),
                 self.chance.uniform(0.5, 4))
            )
            at += self.chance.expovariate(self.pace)
        return plan

    async def run(self, plan):
        started = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for at, fault, node, length in plan:
                await asyncio.sleep(started + at - asyncio.get_running_loop().time())
                group.create_task(self.perform(fault, node, length))
        for node in range(len(self.nodes)):
            await self.revive(node)

    async def perform(self, fault, node, length):
        async with self.held[self.place(fault, node)]:
            self.tell(f"{fault} {node} for {length:.1f} s")
            await self.action(fault)(node, length)

    def action(self, fault):
        return getattr(self, fault)

    def place(self, fault, node):
        return "database" if "database" in fault or "disk" in fault else node

    async def revive(self, node):
        """Only the nemesis ends nodes."""
        if not self.nodes[node].runs:
            self.history.violate(
                "a node runs until it is stopped",
                f"node {node} ended with {self.nodes[node].process.returncode}",
            )
            await self.start(node)

    # Nodes

    async def kill_node(self, node, length):
        await self.revive(node)
        await asyncio.to_thread(self.nodes[node].kill)
        await asyncio.sleep(length)
        await self.start(node)

    async def start(self, node):
        await asyncio.to_thread(self.nodes[node].start)

    async def stop_node(self, node, length):
        """As in a rolling restart."""
        code = await asyncio.to_thread(self.nodes[node].stop)
        if code is None:
            self.history.violate("a node stops when it is told to", f"node {node} did not")
        elif code != 0:
            self.tell(f"node {node} ended with {code}")
        await self.start(node)

    async def freeze_node(self, node, length):
        await self.doze_node(node, self.long_pause)

    async def doze_node(self, node, length):
        process = self.nodes[node].process
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(length)
        process.send_signal(signal.SIGCONT)

    # The database

    async def crash_database(self, node, length):
        await asyncio.to_thread(self.database.crash, signal.SIGKILL)
        await asyncio.sleep(length / 2)
        await asyncio.to_thread(self.database.start)

    async def restart_database(self, node, length):
        await asyncio.to_thread(self.database.crash, signal.SIGQUIT)
        await asyncio.to_thread(self.database.start)

    async def fill_disk(self, node, length):
        await asyncio.to_thread(self.database.fill)
        await asyncio.sleep(length)
        await asyncio.to_thread(self.database.free)

    async def terminate_backends(self, node, length):
        async with self.held["database"]:
            await asyncio.to_thread(self.terminate)

    def terminate(self):
        with contextlib.suppress(psycopg.Error), self.database.sql() as sql:
            sql.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where backend_type = 'client backend' and pid <> pg_backend_pid()"
            )

    async def open_transaction(self, node, length):
        """A session that is idle in its transaction, with a transaction id of its own."""
        async with self.held["database"]:
            await asyncio.to_thread(self.hold_transaction, length)

    def hold_transaction(self, length):
        with contextlib.suppress(psycopg.Error), self.database.sql() as sql:
            sql.execute("begin isolation level repeatable read")
            sql.execute("select pg_current_xact_id(), count(*) from apus.appends")
            sql.execute("select pg_sleep(%s)", [length])
            sql.execute("rollback")

    # What lies between

    async def cut_store(self, node, length):
        self.store_proxies[node].cut()

    async def half_close_store(self, node, length):
        self.store_proxies[node].half_close()

    async def swallow_store(self, node, length):
        async with self.store_proxies[node].swallowing():
            await asyncio.sleep(length)

    async def delay_store(self, node, length):
        async with self.store_proxies[node].delaying(0.1):
            await asyncio.sleep(length)

    async def cut_clients(self, node, length):
        self.client_proxies[node].cut()

    async def swallow_clients(self, node, length):
        async with self.client_proxies[node].swallowing():
            await asyncio.sleep(length)
