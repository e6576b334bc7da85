"""Members of groups on one node: who is handed what, when again, and when no more."""

import threading

import grpc
import pytest
from apus.v1 import acknowledge_pb2

from clients import seconds
from events import lead, note, unhandled
from groups import (
    ACK, CONTINUE, DEAD_LETTER, EXTEND, HOLD, RELEASE, RETRY, Groups, ack, by_key, group, ids,
    published_until_delivered, subjects,
)
from problems import bad_fields, refused

Code = grpc.StatusCode
# Comes soon, and leaves a busy machine the time to answer.
SHORT = 1.5


@pytest.fixture
def groups(client):
    made = Groups(client)
    yield made
    made.close()


def published(client, *names):
    """The ids of notes about these subjects, which are their keys as well."""
    return [r.event_id for r in client.publish(*[note(subject=name) for name in names])]


# Delivery


def test_a_member_gets_history_and_what_follows_each_with_its_own_token(client, groups):
    sent = published(client, "a", "b")
    groups.create("g", beginning=True)
    member = groups.join("g")
    got = member.work(2)
    sent += published(client, "c")
    got += member.work(1)
    assert sorted(ids(got)) == sorted(sent)
    assert all(d.attempt == 1 and d.delivery_id and not d.cursor for d in got)
    assert len({d.ack_token for d in got}) == len({d.delivery_id for d in got}) == 3
    stored = client.get(sent[0]).event
    assert stored in [d.event for d in got]


def test_only_what_the_filter_lets_through_is_delivered(client, groups):
    groups.create("g", "chat.message.sent", beginning=True)
    client.publish(lead(subject="a"), note(subject="b"), lead(subject="c"))
    member = groups.join("g")
    assert subjects(member.work(1)) == ["b"]
    answer = groups.settled("g", lag_events=0)
    assert answer.in_flight == 0


def test_a_group_from_the_end_sees_what_is_stored_after_it_was_made(client, groups):
    published(client, "before")
    groups.create("g")
    published(client, "after")
    assert subjects(groups.join("g").work(1)) == ["after"]


def test_what_is_acknowledged_is_not_delivered_again(client, groups):
    groups.create("g", beginning=True, ack_deadline=SHORT)
    published(client, "a", "b")
    groups.join("g").work(2)
    groups.settled("g", lag_events=0, in_flight=0)
    groups.close()
    groups.settled("g", members=0)
    published(client, "c")
    assert subjects(groups.join("g").work(1)) == ["c"]


def test_members_share_the_work_and_nobody_does_it_twice(client, groups):
    groups.create("g", beginning=True)
    members = [groups.join("g", max_in_flight=4) for _ in range(3)]
    groups.settled("g", members=3)
    done = [[] for _ in members]

    def work(member, into):
        while len(sum(done, [])) < 120:
            for delivery in member.waiting():
                assert member.answer(delivery) == []
                into.append(delivery)
            threading.Event().wait(0.005)

    threads = [
        threading.Thread(target=work, args=pair) for pair in zip(members, done)
    ]
    sent = published(client, *[f"key-{n}" for n in range(120)])
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    every = ids(sum(done, []))
    assert sorted(every) == sorted(sent)
    assert all(part for part in done), [len(part) for part in done]


def test_a_keys_events_come_in_order_one_at_a_time(client, groups):
    groups.create("g", beginning=True)
    published(client, *["a", "b"] * 10)
    members = [groups.join("g") for _ in range(2)]
    open_keys, seen = {}, []
    lock = threading.Lock()

    def work(member):
        while len(seen) < 20:
            for delivery in member.waiting():
                key = delivery.event.partition_key
                with lock:
                    assert key not in open_keys, "a key is with two members"
                    open_keys[key] = delivery
                    seen.append(delivery)
                threading.Event().wait(0.01)
                with lock:
                    del open_keys[key]
                assert member.answer(delivery) == []
            threading.Event().wait(0.002)

    threads = [threading.Thread(target=work, args=(member,)) for member in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(seen) == 20
    for positions in by_key(seen).values():
        assert positions == sorted(positions) and len(positions) == 10


def test_no_more_than_max_in_flight_is_handed_out(client, groups):
    groups.create("g", beginning=True)
    published(client, *[f"k{n}" for n in range(20)])
    member = groups.join("g", max_in_flight=3, heartbeat=0.2)
    first = member.take(3)
    # Checkpoints that nothing came before: the node had every chance to send more.
    for _ in range(3):
        kind, _item = member.item()
        assert kind == "checkpoint"
    assert groups.get("g").in_flight == 3
    member.answer(first[0])
    member.next()
    kind, _item = member.item()
    assert kind == "checkpoint"


def test_an_idle_member_gets_checkpoints(client, groups):
    groups.create("g", beginning=True)
    head = client.publish_one(note(subject="a")).position
    member = groups.join("g", heartbeat=0.2)
    member.work(1)
    reached = 0
    while reached < head:
        reached = member.next("checkpoint").position
    assert groups.settled("g", lag_events=0).position >= head


def test_until_caught_up_ends_when_nothing_is_left(client, groups):
    groups.create("g", beginning=True)
    published(client, "a", "b", "c")
    member = groups.join("g", until_caught_up=True)
    member.work(3)
    assert member.ended() == Code.OK
    assert groups.join("g", until_caught_up=True).ended() == Code.OK


def test_the_account_follows_the_members(client, groups):
    groups.create("g", beginning=True)
    published(client, "a", "b", "b")
    one, two = groups.join("g"), groups.join("g")
    groups.settled("g", members=2, in_flight=2)
    two.leave()
    groups.settled("g", members=1, in_flight=2)
    one.work(3)
    groups.settled("g", in_flight=0, lag_events=0)
    one.leave()
    groups.settled("g", members=0)


# Again


def test_what_nobody_answers_in_time_comes_again_with_the_next_attempt(client, groups):
    groups.create("g", beginning=True, ack_deadline=SHORT)
    published(client, "a", "a")
    member = groups.join("g")
    first = member.next()
    second = member.next()
    assert (first.event, first.delivery_id) == (second.event, second.delivery_id)
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.ack_token != second.ack_token
    assert member.answer(first) == [first.ack_token]
    assert member.answer(second) == []
    third = member.next()
    assert third.event.position > first.event.position and third.attempt == 1


def test_what_a_member_leaves_behind_goes_to_another(client, groups):
    groups.create("g", beginning=True)
    sent = published(client, "a", "b")
    one = groups.join("g")
    left = one.take(2)
    two = groups.join("g")
    one.leave()
    got = two.take(2)
    assert sorted(ids(got)) == sorted(sent)
    assert {d.attempt for d in got} == {2}
    assert {d.delivery_id for d in got} == {d.delivery_id for d in left}
    assert sorted(two.answer(*left)) == sorted(d.ack_token for d in left)
    assert two.answer(*got) == []


def test_a_retry_comes_again_after_its_delay_and_counts(client, groups):
    groups.create("g", beginning=True)
    published(client, "a", "b")
    member = groups.join("g")
    first = {d.event.subject: d for d in member.take(2)}
    assert member.answer(first["a"], action=RETRY, reason="busy", delay=SHORT) == []
    assert member.answer(first["b"], action=RETRY) == []
    again = member.take(2)
    assert subjects(again) == ["b", "a"]
    assert [d.attempt for d in again] == [2, 2]
    assert member.answer(first["a"]) == [first["a"].ack_token]


def test_a_keys_later_events_wait_behind_a_retry(client, groups):
    groups.create("g", beginning=True)
    published(client, "a", "a", "b")
    member = groups.join("g")
    first = {d.event.subject: d for d in member.take(2)}
    member.answer(first["a"], action=RETRY, delay=0.5)
    member.answer(first["b"])
    again = member.work(2)
    assert [d.attempt for d in again] == [2, 1]
    assert again[0].event == first["a"].event


def test_a_release_comes_again_and_does_not_count(client, groups):
    groups.create("g", beginning=True, max_attempts=2)
    published(client, "a")
    member = groups.join("g")
    for _ in range(5):
        delivery = member.next()
        assert delivery.attempt == 1
        assert member.answer(delivery, action=RELEASE) == []
    assert groups.get("g").dead_lettered == 0
    assert member.work(1)[0].attempt == 1


def test_an_extension_moves_the_deadline(client, groups):
    groups.create("g", beginning=True, ack_deadline=SHORT)
    published(client, "a")
    member = groups.join("g", heartbeat=0.2)
    delivery = member.next()
    assert member.answer(delivery, action=EXTEND, delay=60) == []
    # Another event's deadline passes meanwhile.
    published(client, "b")
    assert [d.event.subject for d in member.take(2)] == ["b", "b"]
    assert member.answer(delivery) == []


def test_an_extension_may_also_bring_the_deadline_near(client, groups):
    groups.create("g", beginning=True, ack_deadline=600)
    published(client, "a")
    member = groups.join("g")
    delivery = member.next()
    assert member.answer(delivery, action=EXTEND, delay=0.1) == []
    assert member.next().attempt == 2
    assert member.answer(delivery) == [delivery.ack_token]


def test_a_new_deadline_of_the_group_counts_for_new_deliveries(client, groups):
    groups.create("g", beginning=True, ack_deadline=600)
    member = groups.join("g")
    groups.settled("g", members=1)
    groups.update(group("g", ack_deadline=0.5))
    # Nodes hear of it a little later.
    for n in range(100):
        published(client, f"k{n}")
        delivery = member.next()
        if delivery.attempt == 2:
            break
        threading.Event().wait(0.1)
    assert delivery.attempt == 2


# Attempts and dead letters


def test_an_event_is_given_up_after_its_last_attempt(client, groups):
    groups.create("g", beginning=True, max_attempts=3)
    sent = published(client, "a", "a")
    member = groups.join("g")
    for attempt in (1, 2, 3):
        delivery = member.next()
        assert (delivery.event.id, delivery.attempt) == (sent[0], attempt)
        assert member.answer(delivery, action=RETRY, reason=f"no {attempt}") == []
    after = member.work(1)[0]
    assert (after.event.id, after.attempt) == (sent[1], 1)
    assert groups.settled("g", dead_lettered=1, lag_events=0).in_flight == 0
    (letter,) = groups.dead_letters(consumer="group/g").dead_letters
    assert letter.event.id == sent[0] and letter.reason == "no 3"


def test_a_member_that_leaves_again_and_again_reaches_the_limit(client, groups):
    groups.create("g", beginning=True, max_attempts=3, ack_deadline=SHORT)
    published(client, "poison", "fine")
    fine = 0
    for attempt in (1, 2, 3):
        member = groups.join("g", max_in_flight=1)
        delivery = member.next()
        while delivery.event.subject != "poison":
            fine += 1
            member.answer(delivery)
            delivery = member.next()
        assert delivery.attempt == attempt
        member.leave()
    # Which of them came first depends on when the poison's deadline ended.
    if not fine:
        groups.join("g").work(1)
    # The last one may still be answered until its deadline.
    groups.settled("g", dead_lettered=1, lag_events=0)


def test_after_the_third_lost_attempt_an_event_is_delivered_alone(client, groups):
    groups.create("g", beginning=True, max_attempts=10)
    published(client, *[f"k{n}" for n in range(5)])
    for attempt in (1, 2, 3):
        member = groups.join("g")
        assert {d.attempt for d in member.take(5)} == {attempt}
        member.leave()
    member = groups.join("g", heartbeat=0.2)
    seen = []
    for _ in range(5):
        delivery = member.next()
        kind, _item = member.item()
        assert kind == "checkpoint", "another came before the first was answered"
        member.answer(delivery)
        seen.append(delivery)
    assert {d.attempt for d in seen} == {4} and len(set(subjects(seen))) == 5


def test_dead_letter_gives_up_at_once(client, groups):
    groups.create("g", beginning=True)
    published(client, "a", "a")
    member = groups.join("g")
    first = member.next()
    assert member.answer(first, action=DEAD_LETTER, reason="nonsense") == []
    assert member.work(1)[0].event.position > first.event.position
    groups.settled("g", dead_lettered=1, lag_events=0)


def test_hold_keeps_a_dead_letters_key_waiting_and_no_other(client, groups):
    groups.create("g", beginning=True, ordering=HOLD)
    sent = published(client, "a", "a", "b")
    member = groups.join("g", heartbeat=0.2)
    first = {d.event.subject: d for d in member.take(2)}
    member.answer(first["a"], action=DEAD_LETTER)
    member.answer(first["b"])
    sent += published(client, "b")
    assert ids(member.work(1)) == [sent[3]]
    for _ in range(3):
        kind, _item = member.item()
        assert kind == "checkpoint"
    assert groups.get("g").lag_events > 0
    assert groups.discard(consumer="group/g") == 1
    assert ids(member.work(1)) == [sent[1]]
    groups.settled("g", lag_events=0, dead_lettered=0)


def test_continue_lets_a_dead_letters_key_go_on(client, groups):
    groups.create("g", beginning=True, ordering=CONTINUE)
    sent = published(client, "a", "a", "a")
    member = groups.join("g")
    member.answer(member.next(), action=DEAD_LETTER)
    assert ids(member.work(2)) == sent[1:]


# Resetting and deleting under members


def test_a_reset_under_members_delivers_anew_and_expires_their_tokens(client, groups):
    groups.create("g", beginning=True)
    sent = published(client, "a", "b", "c")
    member = groups.join("g")
    done = member.work(2)
    held = member.next()
    groups.reset("g", beginning=True)
    assert member.answer(held) == [held.ack_token]
    again = member.work(3)
    assert sorted(ids(again)) == sorted(sent)
    assert {d.attempt for d in again} == {1}
    assert {d.delivery_id for d in done} < {d.delivery_id for d in again}
    groups.settled("g", lag_events=0, in_flight=0)


def test_a_reset_to_the_end_skips_what_waits(client, groups):
    groups.create("g", beginning=True)
    published(client, *["a"] * 10)
    member = groups.join("g")
    held = member.next()
    groups.reset("g", end=True)
    sent = published(client, "a")
    assert ids(member.work(1)) == sent
    assert member.answer(held) == [held.ack_token]
    groups.settled("g", lag_events=0)


def test_deleting_a_group_ends_its_members(client, groups):
    groups.create("g", beginning=True)
    published(client, "a")
    members = [groups.join("g") for _ in range(2)]
    groups.settled("g", members=2, in_flight=1)
    groups.delete("g")
    assert [member.ended() for member in members] == [Code.NOT_FOUND] * 2
    refused(Code.NOT_FOUND, client.subscribe, group="g")
    groups.create("g", beginning=True)
    assert groups.join("g").work(1)[0].attempt == 1


def test_a_changed_filter_counts_for_what_was_not_taken_up(client, groups):
    groups.create("g", "lead.*", beginning=True)
    member = groups.join("g")
    groups.settled("g", members=1)
    groups.update(group("g", "chat.**"))
    delivery = published_until_delivered(member, lambda n: note(subject=f"k{n}"))
    assert delivery.attempt == 1 and member.answer(delivery) == []


# Acknowledge


@pytest.mark.parametrize("fields, named", [
    ({"action": 0}, "acks[1].action"),
    ({"action": 9}, "acks[1].action"),
    ({"ack_token": b"nonsense"}, "acks[1].ack_token"),
    ({"ack_token": b""}, "acks[1].ack_token"),
    ({"action": RETRY, "reason": "x" * 1025}, "acks[1].reason"),
    ({"action": RETRY, "reason": "a\0b"}, "acks[1].reason"),
    ({"action": RETRY, "delay": seconds(-1)}, "acks[1].delay"),
    ({"action": RETRY, "delay": seconds(604_801)}, "acks[1].delay"),
], ids=str)
def test_a_wrong_acknowledgement_is_named_and_nothing_is_done(client, groups, fields, named):
    groups.create("g", beginning=True)
    published(client, "a", "b")
    member = groups.join("g")
    one, two = member.take(2)
    bad = acknowledge_pb2.Ack(**{"ack_token": two.ack_token, "action": ACK, **fields})
    assert bad_fields(groups.acknowledge, "g", ack(one), bad) == [named]
    assert groups.get("g").in_flight == 2
    assert member.answer(one, two) == []


def test_each_wrong_field_of_several_acknowledgements_is_named(client, groups):
    groups.create("g", beginning=True)
    published(client, "a")
    delivery = groups.join("g").next()
    late = ack(delivery, RETRY, reason="x" * 1025, delay=-1)
    nonsense = acknowledge_pb2.Ack(ack_token=b"nonsense", action=ACK)
    named = ["acks[0].reason", "acks[0].delay", "acks[2].ack_token"]
    assert bad_fields(groups.acknowledge, "g", late, ack(delivery), nonsense) == named
    assert groups.acknowledge("g", ack(delivery)) == []


def test_a_token_counts_for_its_own_group_alone(node, client, new_client, groups):
    for name in ("g", "h"):
        groups.create(name, beginning=True)
    published(client, "a")
    delivery = groups.join("g").next()
    assert bad_fields(groups.acknowledge, "h", ack(delivery)) == ["acks[0].ack_token"]
    refused(Code.NOT_FOUND, groups.acknowledge, "nobody", ack(delivery))
    assert bad_fields(groups.acknowledge, "", ack(delivery)) == ["group"]
    other = Groups(new_client(node, client.tenant + "b"))
    refused(Code.NOT_FOUND, other.acknowledge, "g", ack(delivery))
    other.create("g", beginning=True)
    assert bad_fields(other.acknowledge, "g", ack(delivery)) == ["acks[0].ack_token"]
    assert groups.acknowledge("g", ack(delivery)) == []


def test_a_request_has_so_many_acknowledgements_at_most(client, groups):
    groups.create("g", beginning=True)
    published(client, "a")
    delivery = groups.join("g").next()
    many = [ack(delivery, EXTEND)] * 10_001
    assert bad_fields(groups.acknowledge, "g", *many) == ["acks"]
    assert groups.acknowledge("g", *many[:10_000]) == []


def test_the_same_acknowledgement_again_has_expired(client, groups):
    groups.create("g", beginning=True)
    published(client, "a")
    delivery = groups.join("g").next()
    assert groups.acknowledge("g", ack(delivery)) == []
    assert groups.acknowledge("g", ack(delivery)) == [delivery.ack_token]


def test_some_expired_ones_spoil_no_others(client, groups):
    groups.create("g", beginning=True)
    published(client, "a", "b", "c")
    member = groups.join("g")
    one, two, three = member.take(3)
    assert member.answer(two) == []
    assert member.answer(one, two, three) == [two.ack_token]
    groups.settled("g", lag_events=0, in_flight=0)


def test_the_ledger_shows_who_was_handed_an_event(client, groups):
    groups.create("g", beginning=True)
    id = client.publish_one(unhandled()).event_id
    member = groups.join("g")
    member.answer(member.next(), action=RETRY, reason="not now")
    member.work(1)
    groups.settled("g", in_flight=0)
    records = client.get(id).deliveries
    assert [(r.consumer, r.attempt) for r in records] == [("group/g", 2), ("group/g", 1)]
    assert records[1].error_message == "not now" and records[1].retry_required
