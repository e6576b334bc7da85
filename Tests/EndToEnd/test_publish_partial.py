"""Publish with allow_partial, and its opposite: all or nothing."""

import grpc

from clients import new_id
from events import lead
from problems import Problem, bad_fields, refused


def test_one_bad_event_refuses_the_whole_request(client):
    id = new_id()
    fields = bad_fields(client.publish, lead(id=id), lead(type="Lead"), lead(subject="x" * 513))
    assert fields == ["events[1].type", "events[2].subject"]
    refused(grpc.StatusCode.NOT_FOUND, client.get, id)
    assert client.history() == []


def test_allow_partial_stores_the_good_and_explains_the_bad(client):
    taken = new_id()
    first = client.publish_one(lead(id=taken))
    good, bad, conflict, again, last = client.publish(
        lead(), lead(id="nonsense"), lead(id=taken, source="other"), lead(id=taken), lead(),
        allow_partial=True,
    )
    assert not good.HasField("error") and not last.HasField("error")
    assert last.position == good.position + 1, "what was refused takes no position"

    problem = Problem(bad.error)
    assert problem.code == grpc.StatusCode.INVALID_ARGUMENT
    assert problem.fields == ["events[1].id"]
    assert bad.position == 0

    problem = Problem(conflict.error)
    assert problem.code == grpc.StatusCode.ALREADY_EXISTS
    assert problem.resource.resource_name == taken
    assert conflict.event_id == taken

    assert again.duplicate and again.position == first.position
    assert len(client.history()) == 3


def test_allow_partial_with_nothing_good_is_answered_event_by_event(client):
    results = client.publish(lead(id="a"), lead(subject="x" * 513), allow_partial=True)
    assert [Problem(r.error).fields for r in results] == [["events[0].id"], ["events[1].subject"]]
    assert client.history() == []


def test_allow_partial_knows_a_conflict_within_the_request(client):
    id = new_id()
    first, second, third = client.publish(
        lead(id=id), lead(id=id, source="other"), lead(id=id), allow_partial=True
    )
    assert not first.HasField("error") and first.position > 0
    assert Problem(second.error).code == grpc.StatusCode.ALREADY_EXISTS
    assert third.duplicate and third.position == first.position


def test_allow_partial_reports_a_foreign_tenant_event_by_event(client):
    mine, theirs = client.publish(lead(), lead(tenant_id="someone-else"), allow_partial=True)
    assert not mine.HasField("error")
    problem = Problem(theirs.error)
    assert problem.code == grpc.StatusCode.PERMISSION_DENIED and problem.info.reason
