"""`apus verify` on a log that is as it should be, and on one that is not."""

import json

import pytest

from clients import Client, eventually
from events import lead, note
from nodes import run_apus


@pytest.fixture
def log(start_node):
    """A node with fifty events, which its handlers have handled."""
    node = start_node()
    with Client(node, "acme") as client:
        client.publish(*[note(f"message {n}", subject=f"chat/{n % 5}") for n in range(49)])
        client.processed(client.publish_one(lead()).event_id)
    return node


def test_a_log_that_is_right_is_said_to_be_so_beside_the_node_that_serves_it(log):
    told = run_apus("verify", "--database", log.database)
    assert told.stdout == "50 events, positions 1 to 50, 50 ids; all is well\n"
    summary = json.loads(run_apus("verify", "--database", log.database, "--json").stdout)
    assert summary["events"] == 50 and summary["problems"] == 0
    assert summary["unknown_schemas"] == 0 and summary["without_checksum"] == 0


def test_damage_is_named_with_its_place_and_fails(log):
    with log.sql() as sql:
        sql.execute("update apus.events set data = '\\xffff' where position = 7")
        sql.execute("delete from apus.events where position = 12")
        (id,) = sql.execute("select id from apus.events where position = 7").fetchone()
    told = run_apus("verify", "--database", log.database, check=False)
    assert told.returncode == 1 and told.stderr.endswith("problems\n")
    lines = told.stdout.splitlines()
    assert f"position 7, event {id}: it is not what was published: its checksum is another" in lines
    assert any(line.startswith(f"position 7, event {id}: its data is no apus.") for line in lines)
    assert "position 12: there is no event" in lines

    told = run_apus("verify", "--database", log.database, "--json", "--limit", "2", check=False)
    *problems, summary = map(json.loads, told.stdout.splitlines())
    assert len(problems) == 2 and summary["problems"] >= 4
    assert {p["problem"] for p in problems} <= {"schema", "checksum", "missing"}
    assert problems[0]["position"] == "7" and problems[0]["event_id"] == str(id)


def test_what_public_events_shows_is_compared_with_the_log(log):
    def written():
        with log.sql() as sql:
            return sql.execute("select position from apus.payload_head").fetchone() == (50,)

    eventually(written, "payloads are written")
    assert run_apus("verify", "--database", log.database).stdout.endswith("all is well\n")
    with log.sql() as sql:
        sql.execute("update apus.event_payloads set payload = '{}' where position = 3")
        sql.execute("delete from apus.event_payloads where position = 50")
    told = run_apus("verify", "--database", log.database, "--json", check=False)
    assert told.returncode == 1
    *problems, summary = map(json.loads, told.stdout.splitlines())
    assert summary["problems"] == 2
    assert [(p["problem"], p["position"]) for p in problems] == [("payload", "3"), ("payload", "50")]


def test_a_private_postgres_is_verified_when_no_node_runs(log):
    log.stop()
    told = run_apus("verify", "--data-dir", log.data_dir)
    assert told.stdout.endswith("all is well\n")


def test_where_no_log_is_none_is_made(data_dir):
    told = run_apus("verify", "--data-dir", data_dir, check=False)
    assert told.returncode == 1 and "there is no log" in told.stderr
    assert "--data-dir" in told.stderr and not list(data_dir.glob("*"))


def test_tables_of_another_release_are_refused(log):
    with log.sql() as sql:
        sql.execute("create database empty")
    database = log.database.replace("/apus?", "/empty?")
    told = run_apus("verify", "--database", database, check=False)
    assert told.returncode == 1 and "run `apus migrate` first" in told.stderr
    with log.sql() as sql:
        sql.execute("insert into apus.migrations (name, checksum) values ('m9999_later', '')")
    told = run_apus("verify", "--database", log.database, check=False)
    assert told.returncode == 1 and "newer Apus (m9999_later)" in told.stderr
