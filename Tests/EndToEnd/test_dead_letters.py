"""HandlerService: dead letters are listed, tried again and discarded."""

import time

import grpc
import pytest
from apus.v1 import dead_letter_pb2, filter_pb2, lookup_pb2

from clients import eventually, new_id
from events import lead, note
from groups import DEAD_LETTER, HOLD, RETRY, Groups, ids
from problems import bad_fields, refused

Code = grpc.StatusCode


@pytest.fixture
def groups(client):
    made = Groups(client)
    yield made
    made.close()


def give_up(groups, name, *events, reason="no use", **fields):
    """Publishes events and has a member of a new group give them up; their ids."""
    groups.create(name, beginning=True, **fields)
    sent = [result.event_id for result in groups.client.publish(*events)]
    member = groups.join(name)
    for _ in events:
        assert member.answer(member.next(), action=DEAD_LETTER, reason=reason) == []
    member.leave()
    groups.settled(name, dead_lettered=len(events))
    return sent


def found(groups, **fields):
    return [letter.event.id for letter in groups.dead_letters(**fields).dead_letters]


def test_a_dead_letter_shows_its_event_and_every_attempt(client, groups):
    groups.create("g", beginning=True, max_attempts=3)
    sent = client.publish_one(note(subject="a")).event_id
    member = groups.join("g")
    for attempt in (1, 2, 3):
        member.answer(member.next(), action=RETRY, reason=f"no {attempt}")
    groups.settled("g", dead_lettered=1)
    (letter,) = groups.dead_letters().dead_letters
    assert letter.consumer == "group/g" and letter.reason == "no 3"
    assert letter.event == client.get(sent).event
    assert letter.HasField("dead_lettered_at")
    assert [a.attempt for a in letter.attempts] == [3, 2, 1]
    assert [a.error_message for a in letter.attempts] == ["no 3", "no 2", "no 1"]
    outcomes = [a.outcome for a in letter.attempts]
    assert outcomes == [
        lookup_pb2.DELIVERY_OUTCOME_DEAD_LETTERED, lookup_pb2.DELIVERY_OUTCOME_FAILED,
        lookup_pb2.DELIVERY_OUTCOME_FAILED,
    ]
    assert {a.consumer for a in letter.attempts} == {"group/g"}
    # Groups are nothing to an event's status.
    eventually(
        lambda: client.get(sent).status == lookup_pb2.EVENT_STATUS_PROCESSED, "its handlers' end"
    )


def test_consumer_ids_and_filter_select_together(client, groups):
    one = give_up(groups, "g", note(subject="a"), lead(subject="b"))
    groups.create("h", beginning=True)
    member = groups.join("h")
    member.answer(*member.take(2), action=DEAD_LETTER)
    leads = filter_pb2.Filter(types=["lead.*"])
    assert found(groups, consumer="group/g") == one
    assert sorted(found(groups)) == sorted(one * 2)
    assert found(groups, consumer="group/nobody") == []
    assert found(groups, consumer="group/g", ids=[one[1], new_id()]) == [one[1]]
    assert found(groups, filter=leads) == [one[1]] * 2
    assert found(groups, consumer="group/h", ids=[one[0]], filter=leads) == []
    assert found(groups, filter=filter_pb2.Filter(subject_prefix="a")) == [one[0]] * 2


def test_a_listing_pages_through_all_the_oldest_first(groups):
    sent = give_up(groups, "g", *[note(subject=f"k{n}") for n in range(5)])
    listed, token = [], ""
    while True:
        page = groups.dead_letters(page_size=2, page_token=token)
        assert 1 <= len(page.dead_letters) <= 2
        listed += [letter.event.id for letter in page.dead_letters]
        token = page.next_page_token
        if not token:
            break
    assert sorted(listed) == sorted(sent) and listed == found(groups)
    token = groups.dead_letters(page_size=2).next_page_token
    assert bad_fields(groups.dead_letters, consumer="group/g", page_token=token) == ["page_token"]
    assert bad_fields(groups.dead_letters, page_token="nonsense") == ["page_token"]


def test_big_events_make_short_pages(groups):
    sent = give_up(groups, "g", *[note(text="x" * 900_000, subject=f"k{n}") for n in range(4)])
    listed, token = [], ""
    while True:
        page = groups.dead_letters(page_size=1000, page_token=token)
        assert page.ByteSize() < 3 << 20
        listed += [letter.event.id for letter in page.dead_letters]
        token = page.next_page_token
        if not token:
            break
    assert sorted(listed) == sorted(sent)


def test_a_retry_hands_out_anew_and_success_closes_the_dead_letter(groups):
    sent = give_up(groups, "g", note(subject="a"), note(subject="b"), max_attempts=2)
    assert groups.retry(ids=[sent[0]]) == 1
    member = groups.join("g")
    again = member.next()
    assert (again.event.id, again.attempt) == (sent[0], 1)
    assert sorted(found(groups)) == sorted(sent)
    assert member.answer(again) == []
    assert found(groups) == [sent[1]]
    assert groups.retry(consumer="group/g") == 1
    assert ids(member.work(1)) == [sent[1]]
    groups.settled("g", dead_lettered=0, in_flight=0)
    assert groups.retry(consumer="group/g") == 0


def test_a_retry_that_fails_is_a_dead_letter_again(groups):
    sent = give_up(groups, "g", note(subject="a"), max_attempts=2)
    member = groups.join("g")
    assert groups.retry(consumer="group/g") == 1
    for attempt in (1, 2):
        delivery = member.next()
        assert delivery.attempt == attempt
        member.answer(delivery, action=RETRY, reason=f"again {attempt}")
    letter = eventually(
        lambda: [x for x in groups.dead_letters().dead_letters if x.reason == "again 2"],
        "it is given up again")
    assert [x.event.id for x in letter] == sent
    assert groups.get("g").dead_lettered == 1
    assert groups.retry(consumer="group/g") == 1
    assert member.work(1)[0].attempt == 1


def test_a_retry_keeps_its_pace(groups):
    give_up(groups, "g", *[note(subject=f"k{n}") for n in range(4)])
    member = groups.join("g", heartbeat=0.2)
    began = time.monotonic()
    assert groups.retry(consumer="group/g", max_events_per_second=2) == 4
    seen = []
    while len(seen) < 4:
        kind, item = member.item()
        if kind == "delivery":
            seen.append(item.event.id)
            member.answer(item)
    # The fourth is due a second and a half after the first; however late each is, none is early.
    assert time.monotonic() - began > 1.4
    assert len(set(seen)) == 4


def test_a_retry_under_hold_frees_the_key_when_it_succeeds(client, groups):
    groups.create("g", beginning=True, ordering=HOLD)
    sent = [client.publish_one(note(subject="a")).event_id for _ in range(2)]
    member = groups.join("g")
    member.answer(member.next(), action=DEAD_LETTER)
    assert groups.retry(consumer="group/g") == 1
    again = member.next()
    assert again.event.id == sent[0]
    member.answer(again)
    assert ids(member.work(1)) == [sent[1]]
    groups.settled("g", dead_lettered=0, lag_events=0)


def test_a_handlers_dead_letter_is_handed_to_it_again(start_node, new_client):
    node = start_node()
    groups = Groups(new_client(node, "acme"))
    sent = groups.client.publish_one(lead(subject="a")).event_id
    groups.client.processed(sent)
    with node.sql() as sql:
        # The handlers that ship with Apus give nothing up.
        sql.execute("insert into apus.kept_events select * from apus.events")
        sql.execute(
            "insert into apus.dead_letters"
            " (consumer_id, position, tenant_id, dead_lettered_at, reason)"
            " select c.id, e.position, e.tenant_id, now(), 'because' from apus.events e,"
            " apus.consumers c where c.name = 'handler/lead-analytics'")
    assert groups.client.get(sent).status == lookup_pb2.EVENT_STATUS_FAILED
    assert found(groups, consumer="handler/lead-analytics") == [sent]
    assert groups.retry(consumer="group/g") == 0
    assert groups.retry(consumer="handler/lead-analytics") == 1
    answer = groups.client.processed(sent)
    assert len(answer.deliveries) == 2 and not answer.deliveries[0].replay_id
    assert found(groups) == []


def test_dead_letters_outlive_their_members_and_node(start_node, new_client):
    node = start_node()
    groups = Groups(new_client(node, "acme"))
    sent = give_up(groups, "g", note(subject="a"), note(subject="b"))
    node.kill()
    node.start()
    groups = Groups(new_client(node, "acme"))
    assert sorted(found(groups)) == sorted(sent)
    assert groups.retry(ids=[sent[0]]) == 1
    assert groups.discard(ids=[sent[1]]) == 1
    assert ids(groups.join("g").work(1)) == [sent[0]]
    groups.settled("g", dead_lettered=0, in_flight=0)
    groups.close()


def test_what_is_discarded_is_gone_and_says_why(client, groups):
    sent = give_up(groups, "g", note(subject="a"), note(subject="b"))
    assert groups.discard(ids=sent, reason="old news") == 2
    assert found(groups) == [] and groups.get("g").dead_lettered == 0
    newest = client.get(sent[0]).deliveries[0]
    assert newest.outcome == lookup_pb2.DELIVERY_OUTCOME_DISCARDED
    assert (newest.consumer, newest.error_message) == ("group/g", "old news")
    assert groups.discard(ids=sent) == 0


def test_a_reset_keeps_the_dead_letters_behind_it_and_what_they_hold(client, groups):
    groups.create("g", beginning=True, ordering=HOLD)
    sent = [client.publish_one(note(subject="a")).event_id for _ in range(2)]
    member = groups.join("g", heartbeat=0.2)
    member.answer(member.next(), action=DEAD_LETTER)
    groups.settled("g", dead_lettered=1)
    groups.reset("g", end=True)
    assert found(groups) == [sent[0]]
    later = client.publish_one(note(subject="a")).event_id
    other = client.publish_one(note(subject="b")).event_id
    assert ids(member.work(1)) == [other]
    assert not member.waiting()
    assert groups.discard(consumer="group/g") == 1
    assert ids(member.work(1)) == [later]


def test_a_reset_closes_the_dead_letters_whose_events_come_again(client, groups):
    sent = give_up(groups, "g", note(subject="a"), ordering=HOLD)
    member = groups.join("g")
    groups.reset("g", beginning=True)
    assert found(groups) == []
    assert ids(member.work(1)) == sent
    groups.settled("g", dead_lettered=0, lag_events=0)


def test_all_is_never_meant_by_saying_nothing(groups):
    sent = give_up(groups, "g", note(subject="a"))
    assert bad_fields(groups.retry) == ["consumer"]
    assert bad_fields(groups.discard) == ["consumer"]
    assert found(groups) == sent


@pytest.mark.parametrize("fields, named", [
    ({"ids": ["nonsense"]}, "ids[0]"),
    ({"ids": [new_id()] * 1001}, "ids"),
    ({"consumer": "group/" + "x" * 513}, "consumer"),
    ({"consumer": "billing"}, "consumer"),
    ({"consumer": "group/"}, "consumer"),
    ({"filter": filter_pb2.Filter(types=["X"])}, "filter.types[0]"),
], ids=["no uuid", "many", "long", "no kind", "no name", "pattern"])
def test_a_wrong_field_is_named(groups, fields, named):
    for call in (groups.dead_letters, groups.retry, groups.discard):
        assert bad_fields(call, **fields) == [named]


def test_a_reason_is_wanted_and_bounded(groups):
    for reason in ("", "x" * 1025, "a\0b"):
        assert bad_fields(groups.discard, reason=reason, consumer="group/g") == ["reason"]
    assert bad_fields(groups.dead_letters, page_size=1001) == ["page_size"]


def test_tenants_have_their_own(node, client, new_client, groups):
    sent = give_up(groups, "g", note(subject="a"))
    other = Groups(new_client(node, client.tenant + "b"))
    other.create("g", beginning=True)
    assert found(other) == [] and found(other, consumer="group/g") == []
    assert other.retry(consumer="group/g") == other.retry(ids=sent) == 0
    assert other.discard(consumer="group/g") == other.discard(ids=sent) == 0
    everybody = filter_pb2.Filter(tenants=["*"])
    refused(Code.PERMISSION_DENIED, other.dead_letters, filter=everybody)
    assert found(groups) == sent


def test_reflection_serves_the_service(node):
    listed = node.grpcurl("describe", "apus.v1.HandlerService").stdout
    assert "ListDeadLetters" in listed and "DiscardDeadLetters" in listed
    assert "ResetGroup" in node.grpcurl("describe", "apus.v1.GroupService").stdout
    assert dead_letter_pb2.DeadLetter.DESCRIPTOR.full_name in node.grpcurl(
        "describe", "apus.v1.DeadLetter").stdout
