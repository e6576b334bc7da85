"""The faults: which, when and on whom follows from the seed alone."""

import asyncio
import random
import signal

# Longer than a lease: a node that wakes up after this has lost its partitions.
LONG_PAUSE = 9.0


class Nemesis:
    """Breaks nodes, the database and what lies between, and mends all of it in the end."""

    def __init__(self, seed, nodes, database, store_proxies, client_proxies, tell):
        self.chance = random.Random(f"{seed}/nemesis")
        self.nodes = nodes
        self.database = database
        self.store_proxies = store_proxies
        self.client_proxies = client_proxies
        self.tell = tell
        # One at a time has each thing in its hands.
        self.held = {key: asyncio.Lock() for key in [*range(len(nodes)), "database"]}

    def plan(self, seconds, faults=None):
        """(moment, fault, node, length), ordered by moment."""
        wanted = faults or [
            "kill_node", "kill_node", "stop_node", "freeze_node", "doze_node", "crash_database",
            "restart_database", "cut_store", "swallow_store", "delay_store", "half_close_store",
            "cut_clients", "swallow_clients", "terminate_backends", "open_transaction",
            *(["fill_disk"] if self.database.has_volume else []),
        ]
        plan = []
        at = 2.0
        while at < seconds - 3:
            plan.append(
                (at, self.chance.choice(wanted), self.chance.randrange(len(self.nodes)),
                 self.chance.uniform(0.5, 4))
            )
            at += self.chance.expovariate(0.4)
        return plan

    async def run(self, plan):
        started = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for at, fault, node, length in plan:
                await asyncio.sleep(started + at - asyncio.get_running_loop().time())
                group.create_task(self.perform(fault, node, length))

    async def perform(self, fault, node, length):
        lock = self.held["database" if "database" in fault or "disk" in fault else node]
        async with lock:
            self.tell(f"{fault} {node} for {length:.1f} s")
            await getattr(self, fault)(node, length)

    # Nodes

    async def kill_node(self, node, length):
        await asyncio.to_thread(self.nodes[node].kill)
        await asyncio.sleep(length)
        await self.start(node)

    async def start(self, node):
        """As a supervisor does: a node that finds no store at its start ends, and is started
        anew."""
        for _ in range(20):
            try:
                return await asyncio.to_thread(self.nodes[node].start)
            except AssertionError as error:
                last = error
                if "store is away" not in str(error) and "connection to server" not in str(error):
                    raise
                await asyncio.sleep(0.5)
        raise last

    async def stop_node(self, node, length):
        """As in a rolling restart."""
        code = await asyncio.to_thread(self.nodes[node].stop)
        if code != 0:
            self.tell(f"node {node} ended with {code}")
        await self.start(node)

    async def freeze_node(self, node, length):
        await self.doze_node(node, LONG_PAUSE)

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
        with self.database.sql() as sql:
            sql.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where backend_type = 'client backend' and pid <> pg_backend_pid()"
            )

    async def open_transaction(self, node, length):
        """A session that is idle in its transaction, with a transaction id of its own."""
        async with self.held["database"]:
            await asyncio.to_thread(self.hold_transaction, length)

    def hold_transaction(self, length):
        with self.database.sql() as sql:
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
