"""Old events go; who asks for them is told so, and nothing else changes."""

import grpc
import psycopg

from clients import Client, eventually, new_id
from events import note
from problems import refused

NOT_FOUND = grpc.StatusCode.NOT_FOUND
OUT_OF_RANGE = grpc.StatusCode.OUT_OF_RANGE
KEEP = ("--retention-age", "2s", "--partition-events", "100")


def earliest(node):
    with node.sql() as sql:
        (first,) = sql.execute("select min(first_position) from apus.event_partitions").fetchone()
    return first


def tables(node):
    with node.sql() as sql:
        rows = sql.execute(
            "select relname from pg_class where relname ~ '^events_from_[0-9]+$' order by oid"
        ).fetchall()
    return [name for (name,) in rows]


def test_a_log_of_which_all_was_dropped_goes_on_where_it_was(start_node):
    node = start_node(*KEEP)
    with Client(node, "acme") as client:
        first = note(subject="lead/1", id=new_id())
        (result,) = client.publish(first)
        assert result.position == 1
        cursor = client.history()[-1].cursor
        for _ in range(3):
            client.publish(*[note(subject="lead/2") for _ in range(100)])
        client.publish(*[note(subject="lead/2") for _ in range(99)])
        eventually(lambda: earliest(node) == 401, "all four partitions have expired")
        eventually(lambda: "events_from_301" not in tables(node), "their tables are gone")

        # The id is known for ever.
        (again,) = client.publish(first)
        assert again.duplicate and again.position == 1
        assert refused(NOT_FOUND, client.get, first.id).info.reason == "EVENT_EXPIRED"
        late = refused(OUT_OF_RANGE, client.history, cursor=cursor)
        assert late.info.reason == "POSITION_EXPIRED"
        assert late.info.metadata["earliest_position"] == "401"
        assert refused(OUT_OF_RANGE, client.history, after_position=399).info == late.info
        assert client.history(after_position=400) == []

        (next_one,) = client.publish(note(subject="lead/1"))
        assert next_one.position == 401
        assert [d.event.position for d in client.history()] == [401]


def test_a_handler_that_is_behind_holds_what_it_needs_and_the_operator_hears_of_it(start_node):
    node = start_node(*KEEP)
    # A handler of another release, which no node runs now.
    with node.sql() as sql:
        sql.execute("insert into apus.consumers (name) values ('handler/away')")
        sql.execute(
            "insert into apus.handlers (consumer_id, name, external_side_effects, position)"
            " select id, 'away', false, 150 from apus.consumers where name = 'handler/away'"
        )
    with Client(node, "acme") as client:
        for _ in range(3):
            client.publish(*[note(subject="lead/1") for _ in range(100)])
        eventually(lambda: earliest(node) == 101, "what all have handled has expired")
        eventually(lambda: "Retention waits" in node.read_log(), "a warning")
        assert "handler/away" in node.read_log()
        assert [d.event.position for d in client.history()] == list(range(101, 301))
    node.stop()
    node.arguments += ["--retention-hard-age", "3s"]
    node.start()
    eventually(lambda: earliest(node) == 301, "a hard limit drops it nevertheless")
    with node.sql() as sql:
        (skipped,) = sql.execute(
            "select first_position, last_position from apus.skipped_stretches"
            " where consumer = 'handler/away'"
        ).fetchall()
    assert skipped == (151, 300)


def test_a_session_that_keeps_a_transaction_open_delays_nobody(start_node):
    node = start_node(*KEEP)
    with Client(node, "acme") as client:
        client.publish(*[note(subject="lead/1") for _ in range(100)])
        with psycopg.connect(node.database) as session:
            session.execute("select count(*) from apus.events").fetchone()
            eventually(lambda: earliest(node) == 101, "the partition has expired")
            client.publish(*[note(subject="lead/1") for _ in range(100)])
            assert tables(node)[0] == "events_from_1"
            (count,) = session.execute("select count(*) from apus.events").fetchone()
            assert count >= 100
        eventually(lambda: "events_from_1" not in tables(node), "it goes with the transaction")
