"""Replay: handlers see stored events again, and a projection stays as it was."""

import grpc
import pytest

from apus.v1 import filter_pb2, lookup_pb2, replay_pb2
from clients import new_id
from events import lead, note, unhandled
from problems import bad_fields, refused

HANDLER = "lead-analytics"
COMPLETED = replay_pb2.REPLAY_STATE_COMPLETED


@pytest.fixture
def leads(client):
    """Publishes leads and waits until their handlers are done."""

    def publish(count):
        ids = [r.event_id for r in client.publish(*[lead(str(n)) for n in range(count)])]
        for id in ids:
            client.processed(id)
        return ids

    return publish


def target(answer):
    (found,) = [t for t in answer.targets if t.handler == HANDLER]
    return found


def leads_only(**fields):
    return replay_pb2.ReplayRange(filter=filter_pb2.Filter(types=["lead.*"]), **fields)


def replays_of(client, id):
    """Replay ids in the ledger of an event."""
    return [d.replay_id for d in client.get(id).deliveries if d.replay_id]


def test_a_replay_by_ids_hands_the_events_to_their_handler_again(client, leads):
    ids = leads(3)
    answer = client.replay(ids[:2], reason="to see")
    assert answer.replay_id and answer.matched == 2
    done = client.replay_done(answer.replay_id)
    assert done.state == COMPLETED and done.reason == "to see"
    assert (target(done).events, target(done).done, target(done).failed) == (2, 2, 0)
    assert done.HasField("started_at") and done.HasField("finished_at")
    for id in ids[:2]:
        records = client.get(id).deliveries
        (again,) = [d for d in records if d.replay_id == answer.replay_id]
        assert again.consumer == f"handler/{HANDLER}"
        assert again.outcome in (
            lookup_pb2.DELIVERY_OUTCOME_SUCCEEDED, lookup_pb2.DELIVERY_OUTCOME_SKIPPED
        )
    assert replays_of(client, ids[2]) == []


def test_a_replay_stores_no_event_and_leaves_the_status(client, leads):
    (id,) = leads(1)
    before = client.get(id).event
    client.replay_done(client.replay([id]).replay_id)
    answer = client.get(id)
    assert answer.status == lookup_pb2.EVENT_STATUS_PROCESSED
    assert answer.event == before
    assert len(client.history()) == 1


def test_the_funnel_counts_a_replayed_lead_once(node, client, leads):
    ids = leads(3)
    before = funnel(node, client.tenant)
    assert before, "lead analytics wrote rows"
    for selection in ({"ids": ids}, {"range": leads_only()}):
        done = client.replay_done(client.replay(**selection).replay_id)
        assert done.state == COMPLETED and target(done).done == 3
    assert funnel(node, client.tenant) == before


def funnel(node, tenant):
    """The tenant's rows of every table that lead analytics keeps."""
    with node.sql() as sql:
        tables = sql.execute(
            "select table_name from information_schema.tables"
            " where table_schema = 'apus' and table_name ~ 'lead|funnel'"
        ).fetchall()
        assert tables, "there is a projection table"
        question = "select t::text from apus.{} t where tenant = %s"
        return [
            row
            for (table,) in sorted(tables)
            for row in sql.execute(question.format(table), [tenant])
        ]


def test_a_dry_run_answers_the_plan_and_does_nothing(client, leads):
    ids = leads(3)
    plan = client.replay(ids, dry_run=True)
    assert plan.state == replay_pb2.REPLAY_STATE_PLANNED
    assert plan.matched == 3
    assert (target(plan).events, target(plan).done) == (3, 0)
    assert client.replay(range=leads_only(), dry_run=True).matched == 3
    client.replay_done(client.replay(ids[:1]).replay_id)
    assert [replays_of(client, id) for id in ids[1:]] == [[], []]


@pytest.mark.parametrize("chosen, expected", [
    (lambda p: {}, [0, 1, 2, 3, 4]),
    (lambda p: {"from_position": p[2]}, [2, 3, 4]),
    (lambda p: {"to_position": p[2]}, [0, 1, 2]),
    (lambda p: {"from_position": p[1], "to_position": p[3]}, [1, 2, 3]),
    (lambda p: {"limit": 2}, [0, 1]),
    (lambda p: {"from_position": p[1], "limit": 2}, [1, 2]),
    (lambda p: {"statuses": [lookup_pb2.EVENT_STATUS_PROCESSED]}, [0, 1, 2, 3, 4]),
    (lambda p: {"statuses": [lookup_pb2.EVENT_STATUS_FAILED]}, []),
], ids=["all", "from", "to", "between", "limit", "from, limit", "processed", "failed"])
def test_a_range_chooses_by_position_status_and_limit(client, leads, chosen, expected):
    ids = leads(5)
    client.publish(note())
    positions = [client.get(id).event.position for id in ids]
    answer = client.replay(range=leads_only(**chosen(positions)))
    assert answer.matched == len(expected)
    done = client.replay_done(answer.replay_id)
    assert done.state == COMPLETED
    seen = [n for n, id in enumerate(ids) if answer.replay_id in replays_of(client, id)]
    assert seen == expected


def test_a_range_chooses_by_time(client, leads):
    (old,) = leads(1)
    (new,) = leads(1)
    at = client.get(new).event.recorded_at
    for fields, wanted in (({"since": at}, new), ({"until": at}, old)):
        answer = client.replay(range=leads_only(**fields))
        assert answer.matched == 1
        client.replay_done(answer.replay_id)
        assert answer.replay_id in replays_of(client, wanted)


def test_a_range_without_a_filter_stays_in_the_callers_tenant(node, client, new_client, leads):
    leads(2)
    other = new_client(node, client.tenant + "b")
    other.processed(other.publish_one(lead()).event_id)
    assert client.replay(range=replay_pb2.ReplayRange(), dry_run=True).matched == 2


def test_an_event_that_no_handler_takes_matches_and_reaches_nobody(client):
    id = client.publish_one(unhandled()).event_id
    client.processed(id)
    answer = client.replay([id])
    assert answer.matched == 1
    done = client.replay_done(answer.replay_id)
    assert done.state == COMPLETED
    assert all(t.events == 0 for t in done.targets)


def test_the_same_request_id_answers_with_the_same_replay(client, leads):
    ids = leads(1)
    request_id = new_id()
    first = client.replay(ids, request_id=request_id)
    again = client.replay(ids, request_id=request_id)
    assert again.replay_id == first.replay_id
    client.replay_done(first.replay_id)
    assert client.replay(ids, request_id=request_id).replay_id == first.replay_id
    assert client.replay(ids, request_id=new_id()).replay_id != first.replay_id


def test_handlers_can_be_named(client, leads):
    ids = leads(1)
    answer = client.replay(ids, handlers=[HANDLER])
    assert [t.handler for t in answer.targets] == [HANDLER]
    (field,) = bad_fields(client.replay, ids, handlers=["no-such-handler"])
    assert field == "handlers[0]"


def test_replays_are_listed_newest_first_and_page(client, leads):
    ids = leads(1)
    made = [client.replay(ids).replay_id for _ in range(5)]
    token, found = "", []
    while True:
        answer = client.call(
            "ListReplays", replay_pb2.ListReplaysRequest(page_size=2, page_token=token)
        )
        assert len(answer.replays) <= 2
        found += [r.replay_id for r in answer.replays]
        token = answer.next_page_token
        if not token:
            break
    assert found == made[::-1]
    request = replay_pb2.ListReplaysRequest(page_token="nonsense")
    assert bad_fields(client.call, "ListReplays", request) == ["page_token"]


def test_a_running_replay_can_be_cancelled(client, leads):
    ids = leads(20)
    answer = client.replay(ids, max_events_per_second=1)
    request = replay_pb2.CancelReplayRequest(replay_id=answer.replay_id)
    client.call("CancelReplay", request)
    done = client.replay_done(answer.replay_id)
    assert done.state == replay_pb2.REPLAY_STATE_CANCELLED
    assert target(done).done < 20
    assert done.HasField("finished_at")


def test_live_events_do_not_wait_for_a_replay(client, leads):
    ids = leads(20)
    replay_id = client.replay(ids, max_events_per_second=1).replay_id
    client.processed(client.publish_one(lead()).event_id)
    request = replay_pb2.CancelReplayRequest(replay_id=replay_id)
    client.call("CancelReplay", request)


@pytest.mark.parametrize("method, request_type", [
    ("GetReplay", replay_pb2.GetReplayRequest), ("CancelReplay", replay_pb2.CancelReplayRequest),
])
def test_an_unknown_or_foreign_replay_is_not_found(node, client, new_client, leads, method,
                                                   request_type):
    id = new_id()
    problem = refused(grpc.StatusCode.NOT_FOUND, client.call, method, request_type(replay_id=id))
    assert problem.resource.resource_name == id
    replay_id = client.replay(leads(1)).replay_id
    other = new_client(node, client.tenant + "b")
    refused(grpc.StatusCode.NOT_FOUND, other.call, method, request_type(replay_id=replay_id))
    assert not other.call("ListReplays", replay_pb2.ListReplaysRequest()).replays


def test_an_unknown_or_foreign_event_among_the_ids_is_not_found(node, client, new_client, leads):
    ids = leads(1)
    other = new_client(node, client.tenant + "b")
    for foreign in (new_id(), other.publish_one(lead()).event_id):
        problem = refused(grpc.StatusCode.NOT_FOUND, client.replay, [*ids, foreign])
        assert problem.resource.resource_name == foreign


@pytest.mark.parametrize("fields, named", [
    ({}, "selection"),
    ({"ids": []}, "ids.ids"),
    ({"ids": ["nonsense"]}, "ids.ids[0]"),
    ({"range": leads_only(statuses=[77])}, "range.statuses[0]"),
    ({"range": replay_pb2.ReplayRange(filter=filter_pb2.Filter(types=["X"]))},
     "range.filter.types[0]"),
], ids=["nothing", "no ids", "no uuid", "status", "pattern"])
def test_a_wrong_field_is_named(client, fields, named):
    (field,) = bad_fields(client.replay, **fields)
    assert field.startswith(named)


def test_a_replay_survives_a_restart(start_node, new_client):
    node = start_node()
    client = new_client(node, "acme")
    ids = [r.event_id for r in client.publish(*[lead() for _ in range(30)])]
    for id in ids:
        client.processed(id)
    replay_id = client.replay(ids, max_events_per_second=10).replay_id
    node.kill()
    node.start()
    client = new_client(node, "acme")
    done = client.replay_done(replay_id)
    assert done.state == COMPLETED and target(done).done == 30
