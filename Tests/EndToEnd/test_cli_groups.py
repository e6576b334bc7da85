"""`apus groups`, `apus subscribe --group` and `apus dead-letters`."""

import json

import pytest

from clients import eventually
from events import lead, note
from groups import DEAD_LETTER, Groups
from nodes import run_apus


@pytest.fixture
def apus(node, tenant):
    def run(*arguments, **options):
        return node.apus(*arguments, tenant=tenant, **options)

    return run


@pytest.fixture
def rows(apus):
    def read(*arguments):
        return [json.loads(line) for line in apus(*arguments, "--json").stdout.splitlines()]

    return read


@pytest.fixture
def groups(client):
    made = Groups(client)
    yield made
    made.close()


def test_a_group_is_made_shown_changed_begun_anew_and_deleted(client, apus, rows):
    client.publish(note(subject="a"), note(subject="b"))
    (made,) = rows(
        "groups", "create", "billing", "--type", "chat.**", "--from", "beginning",
        "--ordering", "hold", "--max-attempts", "3", "--ack-deadline", "5s",
    )
    assert made["group"] == {
        "name": "billing", "filter": {"types": ["chat.**"], "tenants": [client.tenant]},
        "beginning": {}, "ordering": "GROUP_ORDERING_HOLD", "maxAttempts": 3, "ackDeadline": "5s",
    }
    text = apus("groups", "get", "billing").stdout
    for word in ("billing", "chat.**", "hold", "3 attempts", "5s", "0 members"):
        assert word in text
    (changed,) = rows("groups", "update", "billing", "--max-attempts", "4")
    assert changed["group"] == {**made["group"], "maxAttempts": 4}
    (reset,) = rows("groups", "reset", "billing", "--from", "end")
    assert "end" in reset["group"] and "lagEvents" not in reset
    rows("groups", "create", "shipping")
    assert [g["group"]["name"] for g in rows("groups", "list")] == ["billing", "shipping"]
    assert "deleted" in apus("groups", "delete", "billing").stdout
    assert [g["group"]["name"] for g in rows("groups", "list")] == ["shipping"]


def test_the_first_position_wanted_may_be_given(client, rows):
    position = client.publish_one(note()).position
    (made,) = rows("groups", "create", "g", "--from", position)
    assert made["group"]["afterPosition"] == str(position - 1)
    (reset,) = rows("groups", "reset", "g", "--from", "2026-01-31T12:00:00Z")
    assert reset["group"]["since"] == "2026-01-31T12:00:00Z"


def test_refusals_of_the_service_are_failures(apus):
    for arguments in (["groups", "get", "nobody"], ["groups", "delete", "nobody"],
                      ["subscribe", "--group", "nobody"]):
        result = apus(*arguments, check=False)
        assert result.returncode == 1 and "NOT_FOUND" in result.stderr
    apus("groups", "create", "g")
    result = apus("groups", "create", "g", "--max-attempts", "2", check=False)
    assert result.returncode == 1 and "ALREADY_EXISTS" in result.stderr


@pytest.mark.parametrize("arguments, named", [
    (["groups"], "NAME"),
    (["groups", "frobnicate"], "frobnicate"),
    (["groups", "get"], "NAME"),
    (["groups", "list", "x"], "list"),
    (["groups", "list", "--from", "end"], "--from"),
    (["groups", "get", "x", "--type", "a.b"], "--type"),
    (["groups", "create", "x", "--ordering", "odd"], "--ordering"),
    (["groups", "create", "x", "--max-attempts", "0"], "--max-attempts"),
    (["groups", "create", "x", "--from", "sometime"], "--from"),
    (["groups", "update", "x"], "--max-attempts"),
    (["groups", "update", "x", "--from", "end"], "--from"),
    (["groups", "reset", "x"], "--from"),
    (["groups", "reset", "x", "--from", "end", "--max-attempts", "2"], "--max-attempts"),
    (["dead-letters"], "list"),
    (["dead-letters", "frobnicate"], "frobnicate"),
    (["dead-letters", "retry"], "--consumer"),
    (["dead-letters", "discard", "--consumer", "group/g"], "--reason"),
    (["dead-letters", "list", "--rate", "3"], "--rate"),
    (["subscribe", "--group", "g", "--from", "end"], "--group"),
    (["subscribe", "--group", "g", "lead.*"], "--group"),
    (["subscribe", "--no-ack"], "--no-ack"),
], ids=" ".join)
def test_wrong_usage_names_what_is_wrong(arguments, named):
    result = run_apus(*arguments, check=False)
    assert result.returncode == 2 and named in result.stderr
    assert not result.stdout


def test_a_member_prints_and_acknowledges(client, groups, apus, rows):
    groups.create("g", beginning=True)
    client.publish(lead(subject="a"), lead(subject="b"), lead(subject="c"))
    printed = rows("subscribe", "--group", "g", "--until-caught-up")
    assert sorted(d["event"]["subject"] for d in printed) == ["a", "b", "c"]
    assert all(d["ackToken"] and d["attempt"] == 1 for d in printed)
    groups.settled("g", lag_events=0, in_flight=0)
    assert rows("subscribe", "--group", "g", "--until-caught-up") == []


def test_a_limit_ends_a_member_after_so_many(client, groups, apus):
    groups.create("g", beginning=True)
    client.publish(*[lead(subject=f"k{n}") for n in range(5)])
    lines = apus("subscribe", "--group", "g", "--limit", "2").stdout.splitlines()
    assert len(lines) == 2
    lines += apus("subscribe", "--group", "g", "--until-caught-up").stdout.splitlines()
    assert len(set(lines)) == 5
    groups.settled("g", lag_events=0, in_flight=0)


def test_without_acknowledging_events_come_again(client, groups, rows):
    groups.create("g", beginning=True)
    client.publish(lead(subject="a"))
    for attempt in (1, 2):
        (printed,) = rows("subscribe", "--group", "g", "--no-ack", "--limit", "1")
        assert printed["attempt"] == attempt
    (printed,) = rows("subscribe", "--group", "g", "--limit", "1")
    assert printed["attempt"] == 3


def test_dead_letters_are_listed_retried_and_discarded(client, groups, apus, rows):
    groups.create("g", beginning=True)
    sent = [r.event_id for r in client.publish(*[lead(subject=f"k{n}") for n in range(3)])]
    member = groups.join("g")
    member.answer(*member.take(3), action=DEAD_LETTER, reason="no use")
    member.leave()
    listed = rows("dead-letters", "list", "--consumer", "group/g")
    assert sorted(d["event"]["id"] for d in listed) == sorted(sent)
    assert {d["reason"] for d in listed} == {"no use"}
    assert len(rows("dead-letters", "list", "--limit", "2")) == 2
    text = apus("dead-letters", "list", "--ids", sent[0]).stdout
    assert "group/g" in text and sent[0] in text and "no use" in text and "1 attempt," in text
    assert rows("dead-letters", "retry", "--ids", sent[0]) == [{"retried": "1"}]
    (again,) = rows("subscribe", "--group", "g", "--limit", "1")
    assert again["event"]["id"] == sent[0] and again["attempt"] == 1
    discarded = rows("dead-letters", "discard", "--consumer", "group/g", "--reason", "old")
    eventually(lambda: not rows("dead-letters", "list"), "none is left")
    assert discarded == [{"discarded": "2"}]
