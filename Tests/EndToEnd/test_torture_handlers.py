"""The short form of the handlers' torture, and that its checker finds what it is there to find."""

import dataclasses
import pathlib
import subprocess
import sys

import pytest

TORTURE = pathlib.Path(__file__).resolve().parents[1] / "Torture"
sys.path.insert(0, str(TORTURE))

from settlement import (  # noqa: E402
    DEAD_LETTERED, DECLINED, DISCARDED, RETRIED, SUCCEEDED, DeadLetter, Event, Handler, Record,
    Settlement, matches,
)

FAILED = 4
HOOK = "webhook/orders"


def test_every_event_ends_once_for_every_handler_while_everything_breaks():
    # A seed whose faults are of many kinds: a run should say the same each time.
    result = subprocess.run(
        [sys.executable, str(TORTURE / "handlers.py"), "--seconds", "12", "--seed", "9742"],
        capture_output=True, text=True, timeout=500,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def stored(position, type="order.created", key="k", **fields):
    return Event(position, f"id-{position}", "acme", type, key, **fields)


@dataclasses.dataclass
class Run:
    """One that keeps every rule: three events of one key, a handler that had each succeed."""

    events: list
    ledger: list
    letters: list
    handlers: list
    arrivals: list

    def broken(self):
        found = set()
        settlement = Settlement(
            self.events, self.handlers, self.ledger, self.letters,
            lambda consumer, event: event.id != "id-2", lambda rule, told: found.add(rule))
        settlement.check()
        settlement.check_arrivals(HOOK, self.arrivals)
        return found


@pytest.fixture
def run():
    return Run(
        [stored(n) for n in (1, 2, 3)], [Record(n, HOOK, 1, SUCCEEDED) for n in (1, 2, 3)], [],
        [Handler(HOOK, ("order.*",))], [(f"id-{n}", f"d-{n}", True) for n in (1, 2, 3)],
    )


def test_patterns_match_segments():
    assert matches("order.*", "order.paid") and matches("**", "a.b.c")
    assert not matches("order.*", "order.paid.late") and not matches("order.*", "orderXpaid")


def test_a_good_run_breaks_no_rule(run):
    assert run.broken() == set()
    run.ledger.insert(0, Record(1, HOOK, 1, FAILED))
    run.ledger[1] = Record(1, HOOK, 2, SUCCEEDED)
    assert run.broken() == set()


def test_an_event_that_never_ended_is_found(run):
    del run.ledger[2]
    assert run.broken() == {"every event ends"}


def test_two_committed_results_are_found(run):
    run.ledger.append(Record(3, HOOK, 2, DECLINED))
    assert "one committed result" in run.broken()


def test_one_attempt_with_two_ends_is_found(run):
    run.ledger.insert(2, Record(3, HOOK, 1, FAILED))
    assert run.broken() == {"each attempt is told of, once"}


def test_an_attempt_that_nobody_told_of_is_found(run):
    run.ledger[2] = Record(3, HOOK, 2, SUCCEEDED)
    assert run.broken() == {"each attempt is told of, once"}


def test_an_event_that_is_done_and_given_up_is_found(run):
    run.letters.append(DeadLetter(2, HOOK))
    assert run.broken() == {"one end"}


def test_dead_letters_end_an_event_unless_they_are_tried_again(run):
    run.ledger[1] = Record(2, HOOK, 1, DEAD_LETTERED)
    assert run.broken() == {"every event ends"}
    run.letters.append(DeadLetter(2, HOOK))
    assert run.broken() == set()
    run.letters[0] = DeadLetter(2, HOOK, DISCARDED)
    assert run.broken() == set()
    run.letters[0] = DeadLetter(2, HOOK, RETRIED)
    assert run.broken() == {"every event ends"}
    run.ledger.append(Record(2, HOOK, 1, SUCCEEDED))
    assert run.broken() == set()


def test_an_innocent_event_that_was_given_up_is_found(run):
    run.ledger[2] = Record(3, HOOK, 1, DEAD_LETTERED)
    run.letters.append(DeadLetter(3, HOOK))
    assert run.broken() == {"nothing innocent is given up"}


def test_a_key_whose_order_changed_is_found(run):
    run.ledger[0], run.ledger[1] = run.ledger[1], run.ledger[0]
    assert run.broken() == {"in order per key"}
    run.handlers[0] = Handler(HOOK, ("order.*",), is_ordered=False)
    assert run.broken() == set()


def test_a_run_on_what_nobody_wanted_is_found(run):
    run.handlers[0] = Handler(HOOK, ("lead.*",))
    assert run.broken() == {"a handler gets what it wants"}


def test_an_answer_that_is_missing_or_doubled_is_found(run):
    engine = "handler/mcp-engine"
    run.handlers.append(Handler(engine, ("chat.message.received",)))
    run.events.append(stored(4, "chat.message.received", "c"))
    run.ledger.append(Record(4, engine, 1, SUCCEEDED))
    assert run.broken() == {"an answer is published once"}
    run.events.append(stored(5, "chat.message.sent", "c", causation="id-4"))
    assert run.broken() == set()
    run.events.append(stored(6, "chat.message.sent", "c", causation="id-4"))
    assert run.broken() == {"an answer is published once"}


def test_requests_out_of_order_are_found(run):
    run.arrivals[0], run.arrivals[1] = run.arrivals[1], run.arrivals[0]
    assert run.broken() == {"sent in order per key"}
    # A zombie's repeat is no news.
    run.arrivals = [*sorted(run.arrivals), run.arrivals[1]]
    assert run.broken() == set()


def test_a_delivery_id_that_changed_is_found(run):
    run.arrivals.append(("id-3", "another", True))
    assert run.broken() == {"a delivery's id is stable"}


def test_a_success_that_nobody_took_is_found(run):
    run.arrivals[2] = ("id-3", "d-3", False)
    assert run.broken() == {"what succeeded was taken"}
    run.arrivals.append(("nowhere", "d", True))
    assert "nothing out of thin air" in run.broken()
