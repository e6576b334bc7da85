"""PublishStream: one answer per request, in order, whatever is in between."""

import queue

import grpc

from apus.v1 import publish_pb2
from clients import new_id
from events import lead, note
from problems import Problem, refused
from test_publish_precondition import after


def request(*events, **fields):
    return publish_pb2.PublishRequest(events=events, **fields)


def test_answers_come_in_the_order_of_requests(client):
    ids = [[new_id() for _ in range(n % 5 + 1)] for n in range(300)]
    answers = list(client.publish_stream(
        request(*[note(id=id) for id in group]) for group in ids
    ))
    assert [[r.event_id for r in a.results] for a in answers] == ids
    positions = [r.position for a in answers for r in a.results]
    assert positions == sorted(set(positions)), "the stream's requests are stored in order"
    for answer in answers:
        first = answer.results[0].position
        assert [r.position for r in answer.results] == \
            list(range(first, first + len(answer.results)))


def test_each_answer_comes_while_the_stream_is_open(client):
    requests = queue.Queue()
    answers = client.publish_stream(iter(requests.get, None))
    last = 0
    for _ in range(20):
        requests.put(request(note()))
        (result,) = next(answers).results
        assert result.position > last
        last = result.position
        assert client.get(result.event_id).event.position == last, "answered after it was durable"
    requests.put(None)
    assert list(answers) == []


def test_a_bad_request_gets_an_error_and_the_stream_goes_on(client):
    taken = new_id()
    client.publish(lead(id=taken))
    answers = list(client.publish_stream([
        request(note()),
        request(note(), note(subject="x" * 513)),
        request(note()),
        request(lead(id=taken, source="other")),
        request(note(subject="s"), precondition=after(7, "s")),
        request(note(tenant_id="someone-else")),
        request(),
        request(note(), note(id="bad"), allow_partial=True),
        request(note()),
    ]))
    codes = [Problem(a.error).code.name if a.HasField("error") else "OK" for a in answers]
    assert codes == [
        "OK", "INVALID_ARGUMENT", "OK", "ALREADY_EXISTS", "FAILED_PRECONDITION",
        "PERMISSION_DENIED", "INVALID_ARGUMENT", "OK", "OK",
    ]
    assert Problem(answers[1].error).fields == ["events[1].subject"]
    assert Problem(answers[3].error).resource.resource_name == taken
    assert Problem(answers[4].error).precondition.subject == "s"
    assert all(not a.results for a in answers if a.HasField("error"))
    assert Problem(answers[7].results[1].error).fields == ["events[1].id"]
    assert len(client.history()) == 5


def test_a_request_that_does_not_decode_gets_an_error_and_the_stream_goes_on(client):
    good = [request(note()) for _ in range(20)]
    answers = list(client.publish_stream([
        *good, request(note(), note(subject="a\0b")), *good,
    ]))
    assert len(answers) == 41
    (failed,) = [n for n, answer in enumerate(answers) if answer.HasField("error")]
    assert failed == 20
    problem = Problem(answers[failed].error)
    assert problem.code.name == "INVALID_ARGUMENT"
    assert problem.fields == ["events[1].subject"]
    assert len(client.history()) == 40


def test_an_event_sent_again_on_the_stream_is_a_duplicate(client):
    id = new_id()
    answers = list(client.publish_stream([request(note(id=id))] * 3))
    results = [a.results[0] for a in answers]
    assert [r.duplicate for r in results] == [False, True, True]
    assert len({r.position for r in results}) == 1


def test_a_precondition_sees_the_request_before_it_on_the_stream(client):
    answers = list(client.publish_stream([
        request(note(subject="s"), precondition=after(0, "s")),
        request(note(subject="s"), precondition=after(0, "s")),
    ]))
    assert not answers[0].HasField("error")
    position = answers[0].results[0].position
    problem = Problem(answers[1].error)
    assert problem.code == grpc.StatusCode.FAILED_PRECONDITION
    assert str(position) in problem.precondition.description


def test_a_stream_without_requests_ends_ok(client):
    answers = client.publish_stream([])
    assert list(answers) == []
    assert answers.code() == grpc.StatusCode.OK


def test_a_refused_tenant_ends_the_stream(node, new_client):
    client = new_client(node, "not a tenant!")
    refused(grpc.StatusCode.INVALID_ARGUMENT, client.publish_stream, [request(note())])


def test_what_was_answered_before_the_client_cancelled_is_stored(client):
    requests = queue.Queue()
    answers = client.publish_stream(iter(requests.get, None))
    requests.put(request(note()))
    (result,) = next(answers).results
    answers.cancel()
    requests.put(None)
    assert client.get(result.event_id).event.id == result.event_id
