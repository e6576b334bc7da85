"""Handlers: how they get on, pausing, rebuilding, what is told of failures, and nodes that die."""

import json

import grpc
import pytest

from apus.v1 import handler_pb2, handler_service_pb2_grpc, lookup_pb2
from clients import PATIENCE, Client, eventually
from events import event, lead, payload
from problems import refused

NAME = "lead-analytics"
PROJECTED = """
select 'funnel', tenant, source, stage, leads::text from apus.lead_funnel
union all select 'lead', tenant, lead_id, source, position::text from apus.leads
union all select 'day', tenant, source, day::text, touches || '/' || leads
from apus.lead_attribution order by 1, 2, 3, 4, 5
"""


class Handlers:
    def __init__(self, client):
        self.stub = handler_service_pb2_grpc.HandlerServiceStub(client.channel)

    def call(self, method, request):
        return getattr(self.stub, method)(
            request, timeout=PATIENCE, metadata=(("x-tenant-id", "acme"),))

    def get(self, name=NAME):
        answer = self.call("ListHandlers", handler_pb2.ListHandlersRequest())
        return next(handler for handler in answer.handlers if handler.name == name)

    def pause(self, name=NAME):
        return self.call("PauseHandler", handler_pb2.PauseHandlerRequest(name=name))

    def resume(self, name=NAME):
        return self.call("ResumeHandler", handler_pb2.ResumeHandlerRequest(name=name))

    def rebuild(self, name=NAME):
        return self.call("RebuildHandler", handler_pb2.RebuildHandlerRequest(name=name))

    def settled(self, **wanted):
        def found():
            handler = self.get()
            return handler if all(getattr(handler, k) == v for k, v in wanted.items()) else None
        return eventually(found, f"a handler with {wanted}", patience=60)


@pytest.fixture
def own(start_node):
    return start_node()


@pytest.fixture
def client(own, new_client):
    return new_client(own, "acme")


@pytest.fixture
def handlers(client):
    return Handlers(client)


def projected(node):
    with node.sql() as sql:
        return sql.execute(PROJECTED).fetchall()


def test_a_handler_is_listed_with_how_it_gets_on(own, client, handlers):
    sent = client.publish(*[lead(str(n)) for n in range(5)])
    found = handlers.settled(succeeded=5, lag_events=0, position=sent[-1].position)
    assert list(found.types) == ["lead.created"]
    assert found.state == handler_pb2.HANDLER_STATE_RUNNING
    assert (found.failed, found.retrying, found.dead_lettered) == (0, 0, 0)
    assert not found.external_side_effects
    assert NAME in own.apus("handlers", "list").stdout
    rows = [json.loads(line) for line in own.apus("handlers", "list", "--json").stdout.splitlines()]
    (row,) = [row for row in rows if row["name"] == NAME]
    assert row["state"] == "HANDLER_STATE_RUNNING" and row["succeeded"] == "5"


def test_a_paused_handler_goes_on_where_it_was(own, client, handlers):
    assert handlers.pause().state == handler_pb2.HANDLER_STATE_PAUSED
    handlers.pause()
    own.stop()
    own.start()
    with Client(own, "acme") as again:
        sent = again.publish_one(lead("1"))
        again_handlers = Handlers(again)
        assert again_handlers.get().state == handler_pb2.HANDLER_STATE_PAUSED
        assert again.get(sent.event_id).status == lookup_pb2.EVENT_STATUS_PENDING
        shown = own.apus("handlers", "resume", NAME).stdout
        assert "running" in shown
        again.processed(sent.event_id)


def test_what_is_no_handler_is_not_found(handlers):
    for call in (handlers.pause, handlers.resume, handlers.rebuild):
        refused(grpc.StatusCode.NOT_FOUND, call, "nobody")
        refused(grpc.StatusCode.INVALID_ARGUMENT, call, "No Name")


def test_a_rebuild_makes_the_same_rows(own, client, handlers):
    sent = [r for n in range(6) for r in client.publish(
        *[lead(str(m), lead_source=f"s{n % 3}", subject=f"lead/{m}") for m in range(20)])]
    for result in sent:
        client.processed(result.event_id)
    before = projected(own)
    assert len(before) > 20
    with own.sql() as sql:
        sql.execute("update apus.lead_funnel set leads = 7777")
        sql.execute("delete from apus.leads where lead_id = '3'")
    handlers.rebuild()
    eventually(lambda: projected(own) == before, "the same rows", patience=60)
    handlers.settled(state=handler_pb2.HANDLER_STATE_RUNNING, lag_events=0)


def test_a_rebuild_that_lacks_events_is_refused(own, client, handlers):
    client.processed(client.publish_one(lead("1")).event_id)
    before = projected(own)
    with own.sql() as sql:
        # As retention takes a partition out of the log.
        sql.execute("select apus.expire_partitions((select max(last_position) from"
                    " apus.event_partitions))")
    refused(grpc.StatusCode.FAILED_PRECONDITION, handlers.rebuild)
    assert projected(own) == before


def test_a_failed_run_is_told_of_by_an_event_that_it_caused(own, client, handlers):
    with own.sql() as sql:
        sql.execute("alter table apus.leads add constraint no check (lead_id <> 'poison')")
    sent = client.publish_one(
        event(payload("lead.created", lead_id="poison", source="x"), subject="lead/9"))
    handlers.settled(dead_lettered=1)

    def told():
        return [e.event for e in client.list("system.error").events]
    (error,) = eventually(told, "a system.error")
    assert error.tenant_id == "acme" and error.subject == "lead/9" and error.source == "apus"
    assert error.metadata.causation_id == sent.event_id
    assert error.metadata.correlation_id == client.get(sent.event_id).event.metadata.correlation_id
    told = payload("system.error")
    assert error.data.Unpack(told)
    assert told.error_type == "CHANGE_REFUSED" and told.component == f"handler/{NAME}"
    assert told.error_code in told.error_message and "constraint" not in str(told)
    assert told.error_code in own.read_log()
    assert client.get(sent.event_id).deliveries[0].outcome == \
        lookup_pb2.DELIVERY_OUTCOME_DEAD_LETTERED


def test_nodes_that_are_killed_lose_nothing_and_count_nothing_twice(start_node, new_client):
    keeper = start_node("--lease-time", "2s")
    sent = []
    for round in range(3):
        victim = start_node("--lease-time", "2s", "--database", keeper.database)
        with Client(victim, "acme") as client:
            for n in range(10):
                sent += client.publish(*[
                    lead(f"{round}-{n}-{m}", lead_source=f"s{m % 4}", subject=f"lead/{m}")
                    for m in range(30)])
            victim.kill()
    with Client(keeper, "acme") as client:
        for result in sent:
            client.processed(result.event_id)
    with keeper.sql() as sql:
        assert sql.execute("select sum(leads) from apus.lead_funnel").fetchone() == (len(sent),)
        assert sql.execute("select sum(touches) from apus.lead_attribution").fetchone() == \
            (len(sent),)
        twice = sql.execute(
            "select position from apus.ledger where outcome = 2 group by position"
            " having count(*) > 1").fetchall()
        assert twice == []
        # What was lost with a node is told of.
        untold = sql.execute(
            "select position from apus.ledger group by position, consumer_id"
            " having max(attempt) <> count(*) or count(distinct attempt) <> count(*)").fetchall()
        assert untold == []
        # The events of a key in their order: what came first decided a lead's source.
        wrong = sql.execute(
            "select count(*) from apus.ledger a join apus.ledger b on a.position < b.position"
            " and a.id > b.id join apus.events e on e.position = a.position join apus.events f"
            " on f.position = b.position and f.partition_key = e.partition_key"
            " where a.outcome = 2 and b.outcome = 2").fetchone()
        assert wrong == (0,)
