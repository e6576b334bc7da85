"""What must be true once every handler has come to rest: the rules, held against the books as they
are in Postgres and against what neighbours and endpoints saw."""

import collections
import dataclasses
import re

SUCCEEDED, DECLINED, DEAD_LETTERED = 2, 3, 6
DONE = (SUCCEEDED, DECLINED)
# How a dead letter was closed.
RETRIED, DISCARDED = 1, 2
ENGINE, AUTOPILOT = "handler/mcp-engine", "handler/lead-autopilot"
ASKED, ANSWERED = "chat.message.received", "chat.message.sent"


@dataclasses.dataclass(frozen=True)
class Event:
    """A row of the log."""

    position: int
    id: str
    tenant: str
    type: str
    key: str
    causation: str = ""


@dataclasses.dataclass(frozen=True)
class Record:
    """A row of the ledger, which come in the order in which they were written."""

    position: int
    consumer: str
    attempt: int
    outcome: int


@dataclasses.dataclass(frozen=True)
class DeadLetter:
    position: int
    consumer: str
    resolution: int | None = None


@dataclasses.dataclass(frozen=True)
class Handler:
    consumer: str
    patterns: tuple
    is_ordered: bool = True

    def wants(self, type):
        return any(matches(pattern, type) for pattern in self.patterns)


def matches(pattern, type):
    """`*` is one segment, a last `**` one or more."""
    regex = re.escape(pattern).replace(r"\*\*", ".+").replace(r"\*", r"[^.]+")
    return re.fullmatch(regex, type) is not None


class Settlement:
    """`innocent(consumer, event)`: whether nothing may make a dead letter of the event there."""

    def __init__(self, events, handlers, ledger, dead_letters, innocent, violate):
        self.events = {event.position: event for event in events}
        self.handlers = {handler.consumer: handler for handler in handlers}
        self.records = collections.defaultdict(list)
        self.rows = collections.defaultdict(list)
        for row in ledger:
            self.records[row.consumer, row.position].append(row)
            self.rows[row.consumer].append(row)
        self.dead = collections.defaultdict(list)
        for letter in dead_letters:
            self.dead[letter.consumer, letter.position].append(letter)
        self.innocent = innocent
        self.violate = violate

    def check(self):
        for handler in self.handlers.values():
            for event in self.events.values():
                self.check_end(handler, event)
            self.check_order(handler)
        self.check_effects()

    def outcomes(self, consumer, position, *wanted):
        return [row for row in self.records[consumer, position] if row.outcome in wanted]

    def check_end(self, handler, event):
        """Each event ends once: done, or a dead letter."""
        told = f"{handler.consumer}: {event.type} at {event.position}"
        done = self.outcomes(handler.consumer, event.position, *DONE)
        letters = self.dead[handler.consumer, event.position]
        runs = [
            (row.attempt, row.outcome) for row in self.records[handler.consumer, event.position]]
        if not handler.wants(event.type):
            if runs:
                self.violate("a handler gets what it wants", told)
            return
        if len(done) > 1:
            self.violate("one committed result", f"{told}: {runs}")
        given_up = any(letter.resolution in (None, DISCARDED) for letter in letters)
        if given_up and done:
            self.violate("one end", f"{told} is done and given up: {runs}")
        if not given_up and not done:
            self.violate("every event ends", f"{told}: {runs}")
        if letters and self.innocent(handler.consumer, event):
            self.violate("nothing innocent is given up", f"{told}: {runs}")
        attempts = [attempt for attempt, outcome in runs if outcome <= DEAD_LETTERED]
        revived = any(letter.resolution == RETRIED for letter in letters) or len(letters) > 1
        if not revived and attempts != list(range(1, len(attempts) + 1)):
            self.violate("each attempt is told of, once", f"{told}: {runs}")

    def check_order(self, handler):
        """The ends of a key's events are in the order of the log, but for those that were tried
        again."""
        if not handler.is_ordered:
            return
        last = {}
        for row in self.rows[handler.consumer]:
            event = self.events.get(row.position)
            if event is None or row.outcome not in (*DONE, DEAD_LETTERED):
                continue
            if any(letter.resolution for letter in self.dead[handler.consumer, row.position]):
                continue
            key = (event.tenant, event.key)
            if last.get(key, 0) > row.position:
                self.violate(
                    "in order per key",
                    f"{handler.consumer}: {row.position} ended after {last[key]}",
                )
            last[key] = max(last.get(key, 0), row.position)

    def check_effects(self):
        """Events that handlers publish are there, once."""
        caused = collections.Counter(
            (event.type, event.causation) for event in self.events.values() if event.causation)
        for event in self.events.values():
            for consumer, type, effect in (
                (ENGINE, ASKED, ANSWERED), (AUTOPILOT, "lead.created", "autopilot.triggered"),
            ):
                if event.type != type or consumer not in self.handlers:
                    continue
                count = caused[effect, event.id]
                done = self.outcomes(consumer, event.position, SUCCEEDED)
                if count > 1 or done and count != 1:
                    self.violate(
                        "an answer is published once",
                        f"{consumer}: {count} of {effect} for {event.position}",
                    )

    def check_arrivals(self, consumer, arrivals):
        """Requests that an endpoint or a neighbour saw: (event's id, delivery's id, whether it
        took it; None: nobody knows)."""
        positions = {event.id: event.position for event in self.events.values()}
        deliveries = collections.defaultdict(set)
        taken = set()
        last = {}
        for id, delivery, answer in arrivals:
            if id not in positions:
                self.violate("nothing out of thin air", f"{consumer} was sent {id}")
                continue
            position = positions[id]
            if position not in deliveries and self.handlers[consumer].is_ordered:
                event = self.events[position]
                key = (event.tenant, event.key)
                revived = any(x.resolution for x in self.dead[consumer, position])
                if last.get(key, 0) > position and not revived:
                    self.violate(
                        "sent in order per key",
                        f"{consumer}: {position} came first after {last[key]}",
                    )
                last[key] = max(last.get(key, 0), position)
            deliveries[position].add(delivery)
            if answer is not False:
                taken.add(position)
        for position, ids in deliveries.items():
            if len(ids) > 1:
                self.violate("a delivery's id is stable", f"{consumer}: {position} as {ids}")
        for position in self.events:
            if self.outcomes(consumer, position, SUCCEEDED) and position not in taken:
                self.violate("what succeeded was taken", f"{consumer}: {position}")
