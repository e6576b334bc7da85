"""What a torture plays on: nodes, each behind proxies, before one Postgres."""

import argparse
import asyncio
import random
import subprocess
import sys
import time

from database import Database
from nodes import Node, run_apus
from proxy import Proxy
from survivors import Cluster

# The store that a node starts with may be away for as long as faults last.
START_PATIENCE = 150


class TortureNode(Node):
    """A node that a supervisor looks after."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        # The same door after a restart.
        self.listen = self.address

    def start(self):
        """As a supervisor does: a node that finds no store at its start ends, and is started
        anew."""
        deadline = time.monotonic() + START_PATIENCE
        while True:
            try:
                return super().start()
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def stop(self, patience=60):
        """None: it did not end in time, and was killed."""
        try:
            return super().stop(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    @property
    def runs(self):
        return self.process.poll() is None


class Stage:
    """Everything that is started, and ended again."""

    def __init__(self):
        self.started = time.monotonic()
        self.database = None
        self.nodes, self.logs = [], []
        self.store_proxies, self.client_proxies = [], []
        self.cluster = None

    def tell(self, text):
        print(f"{time.monotonic() - self.started:7.1f} s  {text}", flush=True)

    async def open(self, nodes, *arguments):
        self.database = await asyncio.to_thread(Database, 768)
        for _ in range(nodes):
            proxy = await opened(Proxy(self.database.port))
            self.store_proxies.append(proxy)
            node = await asyncio.to_thread(
                TortureNode, "--database", self.database.uri(proxy.port), "--log-level",
                "warning", *arguments,
            )
            self.nodes.append(node)
            door = Proxy(int(node.address.rsplit(":", 1)[1]))
            self.client_proxies.append(await opened(door))
        self.cluster = Cluster([proxy.port for proxy in self.client_proxies])

    async def verify(self, history):
        found = await asyncio.to_thread(
            run_apus, "verify", "--database", self.database.uri(self.database.port), check=False
        )
        if found.returncode != 0:
            history.violate("apus verify finds nothing", found.stdout + found.stderr)

    async def close(self):
        if self.cluster is not None:
            await self.cluster.close()
        for node in self.nodes:
            self.logs.append(node.read_log()[-8000:])
            await asyncio.to_thread(node.close)
        for proxy in [*self.store_proxies, *self.client_proxies]:
            await proxy.stop()
        if self.database is not None:
            await asyncio.to_thread(self.database.close)


async def opened(proxy):
    await proxy.start()
    return proxy


def arguments(about):
    """What both parts of the torture are told."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--seconds", type=float, default=180, help="how long things break")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--faults", nargs="*", help="only these")
    return parser


def perform(make, options):
    """Runs a torture, and ends the process by what it found."""
    print(f"seed {options.seed}", flush=True)
    torture = make(options)
    violations = asyncio.run(torture.run())
    for violation in violations[:50]:
        print(f"VIOLATION {violation}")
    if violations:
        for number, log in enumerate(torture.stage.logs):
            print(f"--- node {number}\n{log}")
        print(f"{len(violations)} violations, seed {options.seed}")
        sys.exit(1)
    print(f"no violation, seed {options.seed}")
