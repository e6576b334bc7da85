"""What every client did and saw, and the rules that this must keep.

A history is complete when all faults are healed and every client has come to rest. The log itself
is then read once more, in SQL, and everything is held against it.
"""

import collections
import dataclasses


@dataclasses.dataclass
class Stored:
    """A row of the log."""

    position: int
    id: str
    key: str
    payload: str


@dataclasses.dataclass
class Delivered:
    """One delivery that a member of a group received."""

    tick: int
    id: str
    position: int
    key: str
    attempt: int
    delivery_id: str
    token: bytes


class History:
    """Ticks order what happened in this process; there is no other clock."""

    def __init__(self):
        self.ticks = 0
        self.violations = []
        # id → (writer, key, payload), for whatever was ever sent.
        self.sent = {}
        # id → position, as acknowledged.
        self.acknowledged = {}
        # writer → its acknowledged positions, in the order of its requests.
        self.writers = collections.defaultdict(list)
        # Ids that must not be stored: their transaction was rolled back.
        self.rolled_back = set()
        # Ids published in SQL, whose position nobody was told.
        self.committed = set()
        # session → ids in the order of its commits.
        self.sessions = collections.defaultdict(list)
        # subscriber → [(position, id)]
        self.subscribers = collections.defaultdict(list)
        # group → deliveries
        self.deliveries = collections.defaultdict(list)
        # group → id → first tick at which an ACK was sent
        self.finishing = collections.defaultdict(dict)
        # group → id → (attempt, token) whose ACK was accepted
        self.finished = collections.defaultdict(lambda: collections.defaultdict(set))
        # group → ids of which an ACK was sent whose answer never came
        self.unsure = collections.defaultdict(set)
        # group → ids found among its dead letters
        self.dead = collections.defaultdict(set)
        # group → id → tick before it was discarded
        self.discarded = collections.defaultdict(dict)

    def tick(self):
        self.ticks += 1
        return self.ticks

    def violate(self, rule, told):
        self.violations.append(f"{rule}: {told}")

    # The rules

    def check(self, log, groups):
        """`log`: every row, in order; `groups`: name → options that the run gave it."""
        self.check_log(log)
        for name, seen in self.subscribers.items():
            self.check_subscriber(name, seen, log)
        for name, options in groups.items():
            self.check_group(name, log, **options)
        return self.violations

    def check_log(self, log):
        for index, row in enumerate(log):
            if row.position != index + 1:
                self.violate("positions are dense", f"{row.position} follows {index}")
                break
        where = {}
        for row in log:
            if row.id in where:
                self.violate("stored once", f"{row.id} at {where[row.id]} and {row.position}")
            where[row.id] = row.position
            if row.id not in self.sent:
                self.violate("nothing out of thin air", f"{row.id} at {row.position}")
            elif self.sent[row.id][1:] != (row.key, row.payload):
                self.violate("stored as sent", f"{row.id}: {row}")
            if row.id in self.rolled_back:
                self.violate("rolled back is not stored", f"{row.id} at {row.position}")
        for id, position in self.acknowledged.items():
            if where.get(id) != position:
                self.violate(
                    "acknowledged is stored", f"{id} told {position}, is at {where.get(id)}"
                )
        for id in self.committed - where.keys():
            self.violate("committed in SQL is stored", id)
        for writer, positions in self.writers.items():
            if positions != sorted(positions):
                self.violate("a writer's order is kept", writer)
        for session, ids in self.sessions.items():
            positions = [where[id] for id in ids if id in where]
            if positions != sorted(positions):
                self.violate("a session's order is kept", session)

    def check_subscriber(self, name, seen, log):
        if not seen:
            self.violate("a subscriber sees all", f"{name} saw nothing")
            return
        for index, (position, id) in enumerate(seen):
            if position != index + 1:
                self.violate("no gap and no repeat", f"{name}: {position} is number {index + 1}")
                return
            if position > len(log) or log[position - 1].id != id:
                self.violate("one history", f"{name} saw {id} at {position}")
                return
        if len(seen) != len(log):
            self.violate("a subscriber sees all", f"{name} saw {len(seen)} of {len(log)}")

    def check_group(self, name, log, max_attempts, holds=False, after=0):
        deliveries = self.deliveries[name]
        by_id = collections.defaultdict(list)
        for delivery in deliveries:
            by_id[delivery.id].append(delivery)
        stored = {row.id: row for row in log}
        earlier = {}
        last_of_key = {}
        for row in log[after:]:
            earlier[row.id] = last_of_key.get(row.key)
            last_of_key[row.key] = row.id
        for id, told in by_id.items():
            self.check_delivered(name, id, told, stored.get(id), max_attempts)
        for row in log[after:]:
            done = self.finished[name][row.id] or row.id in self.unsure[name] | self.dead[name]
            if not done:
                attempts = [d.attempt for d in by_id.get(row.id, [])]
                self.violate(
                    "at least once",
                    f"{name}: {row.id} at {row.position} never finished, handed out as {attempts}",
                )
        for delivery in deliveries:
            before = earlier.get(delivery.id)
            if before is None or (before in self.dead[name] and not holds):
                continue
            done = min(
                told[name].get(before, delivery.tick) for told in (self.finishing, self.discarded)
            )
            if done >= delivery.tick:
                self.violate(
                    "in order per key",
                    f"{name}: {delivery.id} at {delivery.position} came before {before} was done",
                )

    def check_delivered(self, name, id, told, row, max_attempts):
        if row is None:
            self.violate("nothing out of thin air", f"{name} was handed {id}")
            return
        if len({d.delivery_id for d in told}) != 1 or not told[0].delivery_id:
            self.violate("delivery_id is stable", f"{name}: {id}")
        if any(d.position != row.position for d in told):
            self.violate("delivered as stored", f"{name}: {id}")
        if len({d.token for d in told}) != len(told):
            self.violate("a token an attempt", f"{name}: {id}")
        attempts = [d.attempt for d in told]
        if min(attempts) < 1 or max(attempts) > max_attempts:
            self.violate("attempts within the limit", f"{name}: {id} {attempts}")
        accepted = self.finished[name][id]
        if len(accepted) > 1:
            self.violate("one finish", f"{name}: {id} was finished as {accepted}")
        # A repeat after an accepted acknowledgement: a member that was fenced had its say.
        if accepted and max(attempts) > min(accepted)[0]:
            self.violate(
                "no repeat of what was acknowledged",
                f"{name}: {id} finished as {accepted}, handed out as {max(attempts)}",
            )
