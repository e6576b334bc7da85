"""Publish with a precondition on the subject's newest event."""

import concurrent.futures

import grpc

from apus.v1 import publish_pb2
from clients import new_id
from events import lead
from problems import bad_fields, refused

SUBJECT = "lead/1"


def after(position, subject=SUBJECT):
    return publish_pb2.SubjectPrecondition(subject=subject, last_position=position)


def fact(**fields):
    return lead(subject=SUBJECT, **fields)


def numbers(violation):
    """The numbers that the violation's description tells."""
    words = "".join(c if c.isdigit() else " " for c in violation.description).split()
    return [int(word) for word in words]


def test_a_precondition_on_the_newest_position_lets_events_through(client):
    first = client.publish_one(fact(), precondition=after(0))
    results = client.publish(fact(), fact(), precondition=after(first.position))
    last = results[-1].position
    assert client.publish_one(fact(), precondition=after(last)).position > last


def test_a_failed_precondition_tells_the_real_position_and_stores_nothing(client):
    client.publish(fact())
    newest = client.publish_one(fact()).position
    client.publish(lead(subject="lead/2"))
    for wrong in (0, newest - 1, newest + 1):
        id = new_id()
        problem = refused(
            grpc.StatusCode.FAILED_PRECONDITION,
            client.publish, fact(id=id), lead(), precondition=after(wrong),
        )
        assert problem.precondition.subject == SUBJECT
        assert newest in numbers(problem.precondition), problem
        refused(grpc.StatusCode.NOT_FOUND, client.get, id)
    assert len(client.history()) == 3


def test_a_subject_without_events_has_position_zero(client):
    client.publish(lead(subject="lead/2"))
    problem = refused(
        grpc.StatusCode.FAILED_PRECONDITION, client.publish, fact(), precondition=after(1)
    )
    assert 0 in numbers(problem.precondition), problem


def test_a_subject_belongs_to_its_tenant(node, client, new_client):
    client.publish(fact())
    other = new_client(node, client.tenant + "b")
    assert other.publish_one(fact(), precondition=after(0)).position > 0


def test_the_precondition_may_be_on_another_subject_than_the_events(client):
    order = client.publish_one(lead(subject="order/1")).position
    assert client.publish_one(fact(), precondition=after(order, "order/1")).position > order
    refused(
        grpc.StatusCode.FAILED_PRECONDITION,
        client.publish, fact(), precondition=after(order + 1, "order/1"),
    )


def test_a_request_of_duplicates_is_ok_though_its_precondition_failed_since(client):
    id = new_id()
    first = client.publish_one(fact(id=id), precondition=after(0))
    client.publish(fact())
    again = client.publish_one(fact(id=id), precondition=after(0))
    assert again.duplicate and again.position == first.position


def test_a_duplicate_beside_a_new_event_still_needs_the_precondition(client):
    id = new_id()
    client.publish_one(fact(id=id), precondition=after(0))
    refused(
        grpc.StatusCode.FAILED_PRECONDITION,
        client.publish, fact(id=id), fact(), precondition=after(0),
    )


def test_other_content_under_a_taken_id_comes_before_the_precondition(client):
    """Duplicates are resolved first."""
    id = new_id()
    client.publish(fact(id=id))
    refused(
        grpc.StatusCode.ALREADY_EXISTS,
        client.publish, fact(id=id, source="other"), precondition=after(0),
    )


def test_a_precondition_with_allow_partial_is_refused(client):
    fields = bad_fields(client.publish, fact(), precondition=after(0), allow_partial=True)
    assert fields and set(fields) <= {"allow_partial", "precondition"}


def test_of_many_writers_with_one_precondition_exactly_one_wins(client):
    last = 0
    for _ in range(5):

        def race(_):
            try:
                return client.publish_one(fact(), precondition=after(last)).position
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
                return None

        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            won = [p for p in pool.map(race, range(12)) if p]
        assert len(won) == 1
        last = won[0]
