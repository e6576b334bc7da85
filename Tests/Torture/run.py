"""`make torture`: writers, subscribers and groups on several nodes while everything breaks.

Prints its seed; the same seed makes the same clients and the same faults at the same moments. Ends
with 0 when the complete history keeps every rule of `history.py`.
"""

import asyncio
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "EndToEnd"))

import stubs  # noqa: E402,F401  (first: it puts the generated code on the path)
from survivors import StreamWriter, Subscriber, Writer  # noqa: E402
from history import History, Stored  # noqa: E402
from keepers import PLANS, Keeper  # noqa: E402
from nemesis import Nemesis  # noqa: E402
from sessions import Session  # noqa: E402
from stage import Stage, arguments, perform  # noqa: E402

# Writers at work when the faults end get so long to be acknowledged, readers to see all.
REST = 90


class Torture:
    def __init__(self, options):
        self.options = options
        self.history = History()
        self.stage = Stage()
        self.tell = self.stage.tell

    async def run(self):
        try:
            await self.stage.open(self.options.nodes)
            return await self.run_on(self.stage.database, self.stage.cluster)
        finally:
            await self.stage.close()

    async def run_on(self, database, cluster):
        nemesis = Nemesis(self.options.seed, self.stage, self.history)
        writers, readers = self.clients(cluster, database)
        keepers = [
            Keeper(plan, cluster, self.history, self.options.seed) for plan in PLANS
        ]
        for keeper in keepers:
            await keeper.create()
            readers += keeper.members
        async with asyncio.TaskGroup() as group:
            writing = [group.create_task(writer.run()) for writer in writers]
            reading = [group.create_task(reader.run()) for reader in readers]
            await nemesis.run(nemesis.plan(self.options.seconds, self.options.faults))
            self.tell("faults are over")
            for writer in writers:
                writer.calm.set()
            await self.rest(asyncio.wait(writing), "writers rest")
            for reader in readers:
                reader.calm.set()
            await self.rest(self.drained(database), "the outbox rests")
            log = await asyncio.to_thread(read_log, database)
            self.tell(f"{len(log)} events stored")
            await self.rest(self.all_seen(len(log)), "subscribers rest")
            for keeper in keepers:
                # Poison of one key is buried piece by piece, and there is more of it the longer it
                # piled up.
                await self.rest(
                    keeper.finish(), f"group {keeper.plan.name} rests",
                    REST + self.options.seconds)
            for task in [*writing, *reading]:
                task.cancel()
        await self.stage.verify(self.history)
        return self.history.check(log, {plan.name: plan.rules for plan in PLANS})

    def clients(self, cluster, database):
        common = (cluster, self.history, self.options.seed)
        writers = [Writer(f"writer-{n}", *common, rate=15) for n in range(4)]
        writers += [StreamWriter(f"stream-writer-{n}", *common, rate=30) for n in range(2)]
        writers += [Session(f"session-{n}", database, *common) for n in range(2)]
        readers = [Subscriber(f"subscriber-{n}", *common) for n in range(3)]
        readers.append(Subscriber("slow-subscriber", *common, slowness=0.02))
        return writers, readers

    async def rest(self, coming, what, patience=REST):
        try:
            await asyncio.wait_for(coming, patience)
            self.tell(what)
        except TimeoutError:
            self.history.violate("all come to rest", f"not within {patience} s: {what}")

    async def drained(self, database):
        while await asyncio.to_thread(waiting_in_outbox, database):
            await asyncio.sleep(0.1)

    async def all_seen(self, head):
        while any(
            not seen or seen[-1][0] < head for seen in self.history.subscribers.values()
        ):
            await asyncio.sleep(0.1)


def read_log(database):
    with database.sql() as sql:
        rows = sql.execute(
            "select position, id::text, coalesce(partition_key, subject), data"
            " from apus.events order by position"
        )
        return [Stored(*row[:3], payload(row[3])) for row in rows]


def waiting_in_outbox(database):
    with database.sql() as sql:
        return sql.execute("select count(*) from apus.outbox").fetchone()[0]


def payload(data):
    from events import payload as make

    message = make("chat.message.sent")
    message.ParseFromString(data)
    return message.message_id


def main():
    perform(Torture, arguments(__doc__).parse_args())


if __name__ == "__main__":
    main()
