"""The short form of `make torture`, and that its checker finds what it is there to find."""

import copy
import pathlib
import subprocess
import sys

import pytest

TORTURE = pathlib.Path(__file__).resolve().parents[1] / "Torture"
sys.path.insert(0, str(TORTURE))

from history import Delivered, History, Stored  # noqa: E402

# Its plan has eleven kinds of faults within the fifteen seconds. `make torture` draws new ones.
SEED = 7495


def test_nothing_is_lost_repeated_or_reordered_while_everything_breaks():
    result = subprocess.run(
        [sys.executable, str(TORTURE / "run.py"), "--seconds", "15", "--seed", str(SEED)],
        capture_output=True, text=True, timeout=400,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def stored(position, key="k"):
    return Stored(position, f"id-{position}", key, f"payload-{position}")


def delivered(tick, position, attempt=1, key="k"):
    return Delivered(
        tick, f"id-{position}", position, key, attempt, f"delivery-{position}",
        b"%d/%d" % (position, attempt),
    )


@pytest.fixture
def log():
    return [stored(1), stored(2), stored(3)]


@pytest.fixture
def history(log):
    """One that keeps every rule: three events, a subscriber, a group that finished each."""
    history = History()
    for row in log:
        history.sent[row.id] = ("writer", row.key, row.payload)
        history.acknowledged[row.id] = row.position
        history.writers["writer"].append(row.position)
        history.subscribers["subscriber"].append((row.position, row.id))
        history.deliveries["group"].append(delivered(history.tick(), row.position))
        history.finishing["group"][row.id] = history.tick()
        history.finished["group"][row.id].add((1, b"%d/1" % row.position))
    return history


def broken(history, log, **options):
    rules = copy.deepcopy(history).check(log, {"group": {"max_attempts": 3, **options}})
    return {told.split(":")[0] for told in rules}


def test_a_good_history_breaks_no_rule(history, log):
    assert broken(history, log) == set()


def test_an_acknowledged_event_that_is_missing_is_found(history, log):
    log.pop()
    assert "acknowledged is stored" in broken(history, log)


def test_an_event_that_is_stored_twice_is_found(history, log):
    log.append(Stored(4, log[0].id, "k", log[0].payload))
    assert "stored once" in broken(history, log)


def test_a_hole_in_the_positions_is_found(history, log):
    del log[1]
    assert "positions are dense" in broken(history, log)


def test_an_event_that_nobody_sent_is_found(history, log):
    log.append(stored(4))
    assert "nothing out of thin air" in broken(history, log)


def test_an_event_with_other_content_is_found(history, log):
    log[1] = Stored(2, "id-2", "k", "another")
    assert "stored as sent" in broken(history, log)


def test_a_rolled_back_event_that_is_stored_is_found(history, log):
    history.rolled_back.add("id-2")
    assert broken(history, log) == {"rolled back is not stored"}


def test_a_writer_whose_order_changed_is_found(history, log):
    history.writers["writer"].reverse()
    assert broken(history, log) == {"a writer's order is kept"}


def test_a_session_whose_order_changed_is_found(history, log):
    history.sessions["session"] += ["id-2", "id-1"]
    assert broken(history, log) == {"a session's order is kept"}


@pytest.mark.parametrize(
    "seen", [[(1, "id-1"), (3, "id-3")], [(1, "id-1"), (1, "id-1")], [(1, "id-2")], []]
)
def test_a_subscriber_with_a_gap_a_repeat_or_another_history_is_found(history, log, seen):
    history.subscribers["subscriber"] = seen
    assert broken(history, log) & {
        "no gap and no repeat", "one history", "a subscriber sees all"
    }


def test_an_event_that_a_group_never_saw_is_found(history, log):
    history.deliveries["group"].pop()
    del history.finished["group"]["id-3"]
    assert broken(history, log) == {"at least once"}


def test_a_key_whose_order_changed_is_found(history, log):
    history.finishing["group"]["id-1"] = 100
    assert broken(history, log) == {"in order per key"}


def test_a_dead_letter_does_not_hold_up_its_key(history, log):
    del history.finishing["group"]["id-1"]
    del history.finished["group"]["id-1"]
    history.dead["group"].add("id-1")
    assert broken(history, log) == set()
    assert broken(history, log, holds=True) == {"in order per key"}
    history.discarded["group"]["id-1"] = 2
    assert broken(history, log, holds=True) == set()


def test_a_repeat_after_an_accepted_acknowledgement_is_found(history, log):
    history.deliveries["group"].append(delivered(history.tick(), 3, attempt=2))
    assert broken(history, log) == {"no repeat of what was acknowledged"}


def test_two_accepted_acknowledgements_of_one_event_are_found(history, log):
    history.deliveries["group"].append(delivered(history.tick(), 3, attempt=2))
    history.finished["group"]["id-3"].add((2, b"3/2"))
    assert "one finish" in broken(history, log)


def test_too_many_attempts_are_found(history, log):
    history.deliveries["group"].append(delivered(history.tick(), 3, attempt=4))
    assert "attempts within the limit" in broken(history, log)


def test_one_token_for_two_attempts_is_found(history, log):
    history.deliveries["group"].append(delivered(history.tick(), 3))
    assert "a token an attempt" in broken(history, log)
