"""Publishing in SQL: `apus.publish` within transactions of the database's other users."""

import json
import subprocess
import threading
import uuid

import psycopg
import pytest

from apus.v1 import event_kind_pb2
from clients import eventually, new_id
from events import lead, payload

LEAD = {"leadId": "42", "source": "manual"}


@pytest.fixture
def sql(node):
    with node.sql() as connection:
        yield connection


@pytest.fixture
def publish(sql, tenant):
    """Publishes a lead for the test's own tenant; answers its id."""

    def publish(data=LEAD, type="lead.created", on=None, **named):
        named = {"tenant": tenant, **named}
        arguments = "".join(f", {name} => %s" for name in named)
        (id,) = (on or sql).execute(
            f"select apus.publish(%s, %s{arguments})",
            [type, json.dumps(data), *named.values()],
        ).fetchone()
        return str(id)

    return publish


def drained(sql):
    eventually(
        lambda: not sql.execute("select exists (select from apus.outbox)").fetchone()[0],
        "the outbox is empty",
    )


def rejects(sql, tenant):
    return sql.execute(
        "select id::text, reason, detail from apus.outbox_rejects where tenant = %s"
        " order by number", [tenant],
    ).fetchall()


def test_an_event_is_in_the_log_after_its_commit(client, sql, publish, tenant):
    live = client.live("lead.*")
    sql.execute("set application_name = 'shop'")
    with sql.transaction():
        id = publish(subject="lead/42", source="shop", extra=json.dumps({"a": "ü"}))
        assert uuid.UUID(id).version == 7
        assert not client.history()
    event = live.take(1)[0].event
    assert event.id == id
    assert (event.type, event.version, event.kind) == (
        "lead.created", 1, event_kind_pb2.EVENT_KIND_DOMAIN,
    )
    assert (event.tenant_id, event.subject, event.partition_key) == (tenant, "lead/42", "lead/42")
    assert event.source == "shop"
    data = type(payload("lead.created"))()
    assert event.data.Unpack(data)
    assert (data.lead_id, data.source) == ("42", "manual")
    assert event.metadata.correlation_id == id
    assert event.metadata.user_agent == "shop"
    assert dict(event.metadata.extra) == {"a": "ü"}


def test_everything_that_is_named_is_kept(client, sql, publish):
    texts = {
        name: name for name in (
            "correlation_id", "causation_id", "user_id", "session_id", "request_id", "channel",
            "user_agent", "ip_address", "traceparent", "tracestate",
        )
    }
    id = publish(
        id=str(uuid.uuid4()).upper(), partition_key="k", version=1,
        occurred_at="2026-01-02 03:04:05.678901+00", **texts,
    )
    drained(sql)
    event = client.get(id).event
    assert event.id == id == id.lower()
    assert event.partition_key == "k"
    assert event.occurred_at.ToJsonString() == "2026-01-02T03:04:05.678901Z"
    for name, text in texts.items():
        assert getattr(event.metadata, name) == text


def test_a_rollback_publishes_nothing(client, sql, publish):
    with sql.transaction(force_rollback=True):
        publish()
    with sql.transaction():
        kept = publish()
        with sql.transaction(force_rollback=True):
            publish()
    drained(sql)
    assert [d.event.id for d in client.history()] == [kept]


def test_psql_needs_no_casts(node, client, sql, tenant):
    script = f"""
        begin;
        select apus.publish('lead.created', '{{"leadId": "1"}}', 'lead/1', tenant => '{tenant}');
        select apus.publish_protobuf('lead.created', '\\x0a0132', 'lead/2', tenant => '{tenant}');
        commit;
    """
    subprocess.run(
        ["psql", "-X", "-v", "ON_ERROR_STOP=1", node.database, "-c", script], check=True,
        capture_output=True, timeout=60,
    )
    drained(sql)
    first, second = (d.event for d in client.history())
    assert (first.subject, second.subject) == ("lead/1", "lead/2")
    assert first.data.value == b"\x0a\x011"
    assert second.data.value == b"\x0a\x012"


def test_each_session_keeps_its_order(node, client, sql, publish):
    def session(name):
        with node.sql() as own:
            for number in range(50):
                with own.transaction():
                    publish(on=own, subject=f"{name}/{2 * number}")
                    publish(on=own, subject=f"{name}/{2 * number + 1}")

    run_all(session, "abcd")
    drained(sql)
    subjects = [d.event.subject for d in client.history()]
    assert len(subjects) == 400
    for name in "abcd":
        own = [int(s[2:]) for s in subjects if s.startswith(name)]
        assert own == list(range(100))


def test_a_client_keeps_its_order_over_pooled_connections(node, client, sql, publish):
    """As pgbouncer's transaction mode: each transaction on whichever connection is free."""
    pool = [psycopg.connect(node.database, autocommit=True) for _ in range(3)]
    for number in range(60):
        with pool[number * 7 % 3].transaction():
            publish(on=pool[number * 7 % 3], subject=str(number))
    for connection in pool:
        connection.close()
    drained(sql)
    assert [d.event.subject for d in client.history()] == [str(n) for n in range(60)]


def test_an_open_transaction_is_neither_waited_for_nor_skipped(node, client, publish):
    live = client.live()
    with node.sql() as slow, node.sql() as quick:
        with slow.transaction():
            publish(on=slow, subject="slow-1")
            for number in range(20):
                publish(on=quick, subject=f"quick-{number}")
                assert live.take(1)[0].event.subject == f"quick-{number}"
            publish(on=slow, subject="slow-2")
        assert [d.event.subject for d in live.take(2)] == ["slow-1", "slow-2"]


def test_nobody_waits_for_a_caller(node, client, sql, publish):
    """Neither another caller, even of the same id, nor one who publishes over gRPC."""
    id = new_id()
    with sql.transaction(), node.sql() as other:
        publish(id=id)
        other.execute("set lock_timeout = '100ms'")
        publish(on=other, id=id)
        client.publish_one(lead())
        eventually(lambda: len(client.history()) == 2, "both are in the log")
    drained(sql)
    assert len(client.history()) == 2


def run_all(body, names):
    failures = []

    def guarded(name):
        try:
            body(name)
        except BaseException as error:  # noqa: BLE001  (told to the test)
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failures, failures


# What does not pass


@pytest.mark.parametrize(
    "field, arguments",
    [
        ("type", "null, '{}'"),
        ("type", "'lead', '{}'"),
        ("type", "'Lead.created', '{}'"),
        ("type", "'lead.v1', '{}'"),
        ("type", "repeat('a.', 100) || 'b', '{}'"),
        ("data", "'lead.created', null"),
        ("data", "'lead.created', '[]'"),
        ("data", "'lead.created', jsonb_build_object('leadId', repeat('x', 1048576))"),
        ("version", "'lead.created', '{}', version => 0"),
        ("occurred_at", "'lead.created', '{}', occurred_at => 'infinity'"),
        ("occurred_at", "'lead.created', '{}', occurred_at => '10000-01-01 00:00:00+00'"),
        ("subject", "'lead.created', '{}', repeat('x', 513)"),
        ("partition_key", "'lead.created', '{}', partition_key => repeat('ü', 257)"),
        ("source", "'lead.created', '{}', source => repeat('x', 513)"),
        ("tracestate", "'lead.created', '{}', tracestate => repeat('x', 1025)"),
        ("tenant", "'lead.created', '{}', tenant => 'a b'"),
        ("extra", "'lead.created', '{}', extra => '[]'"),
        ("extra", "'lead.created', '{}', extra => '{\"a\": 1}'"),
        ("extra", "'lead.created', '{}', extra => jsonb_build_object('a', repeat('x', 16384))"),
        (
            "extra",
            "'lead.created', '{}', extra => (select jsonb_object_agg(g, 'x') from"
            " generate_series(1, 65) g)",
        ),
    ],
)
def test_what_is_wrong_is_said_at_once(sql, field, arguments):
    with pytest.raises(psycopg.Error) as caught:
        sql.execute(f"select apus.publish({arguments})")
    assert caught.value.sqlstate == "22023"
    assert caught.value.diag.column_name == field
    assert str(caught.value).startswith(f"{field}: ")


def test_what_fails_its_schema_is_kept_and_blocks_nothing(node, client, sql, publish, tenant):
    wrong = publish({"leadId": 7})
    unknown = publish(type="no.such.event")
    newer = publish(version=9)
    right = publish()
    drained(sql)
    assert [d.event.id for d in client.history()] == [right]
    assert rejects(sql, tenant) == [
        (wrong, "INVALID", "event.data.lead_id: expected a string"),
        (unknown, "INVALID", "event.type: is not in the catalogue"),
        (newer, "INVALID", "event.type: is not in the catalogue in version 9"),
    ]
    eventually(
        lambda: "Events from the outbox were rejected" in node.read_log(), "the log says so"
    )


def test_rejects_can_be_mended_and_tried_again(client, sql, publish, tenant):
    ids = [publish({"leadId": number}, subject=str(number)) for number in (1, 2)]
    eventually(lambda: len(rejects(sql, tenant)) == 2, "both are rejected")
    sql.execute(
        "update apus.outbox_rejects set data = jsonb_build_object('leadId', data ->> 'leadId')"
        " where tenant = %s", [tenant],
    )
    assert sql.execute(
        "select apus.retry_rejects(tenant => %s)", [tenant]
    ).fetchone() == (2,)
    eventually(lambda: len(client.history()) == 2, "both are in the log")
    assert [d.event.id for d in client.history()] == ids
    assert not rejects(sql, tenant)


def test_a_known_id_is_a_duplicate_or_a_reject(client, sql, publish, tenant):
    id = new_id()
    publish(id=id)
    drained(sql)
    publish(id=id)
    publish({"leadId": "43"}, id=id)
    after = publish()
    eventually(lambda: rejects(sql, tenant), "the other content is rejected")
    assert rejects(sql, tenant) == [(id, "ID_TAKEN", "id: is known, with other content")]
    drained(sql)
    assert [d.event.id for d in client.history()] == [id, after]
    sql.execute("select apus.retry_rejects(tenant => %s, new_ids => true)", [tenant])
    eventually(lambda: len(client.history()) == 3, "it is in the log under another id")


# Who may


@pytest.fixture
def role(sql):
    name = f"shop {uuid.uuid4().hex[:8]}"
    sql.execute(f'create role "{name}"')
    return name


def publishing(sql, role, arguments=""):
    """Publishes as another session of that role would."""
    with sql.transaction():
        sql.execute(f'set local session authorization "{role}"')
        return sql.execute(
            f"select apus.publish('lead.created', '{{}}'{arguments})"
        ).fetchone()[0]


def test_a_role_publishes_for_the_tenants_it_was_given(sql, role, tenant):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        publishing(sql, role)
    sql.execute("select apus.allow_publishing(%s, %s)", [role, tenant])
    publishing(sql, role)
    publishing(sql, role, f", tenant => '{tenant}'")
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        publishing(sql, role, ", tenant => 'other'")
    assert caught.value.diag.column_name == "tenant"
    sql.execute("select apus.allow_publishing(%s, 'other')", [role])
    publishing(sql, role, ", tenant => 'other'")
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        publishing(sql, role)
    assert caught.value.diag.column_name == "tenant"
    for each in (tenant, "other"):
        sql.execute("select apus.forbid_publishing(%s, %s)", [role, each])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        publishing(sql, role, f", tenant => '{tenant}'")


def test_members_of_a_role_publish_for_its_tenants(sql, role, tenant):
    member = f"{role} member"
    sql.execute(f'create role "{member}" in role "{role}"')
    sql.execute("select apus.allow_publishing(%s, '*')", [role])
    publishing(sql, member, f", tenant => '{tenant}'")


@pytest.mark.parametrize(
    "statement",
    [
        "select * from apus.outbox",
        "delete from apus.outbox",
        "insert into apus.publishers values ('public', '*')",
        "select apus.allow_publishing(session_user, '*')",
        "select apus.retry_rejects()",
        "select apus.put_in_outbox('a.b', '{}', null, null, null, null, null, null, null, null,"
        " null, null, null, null, null, null, null, null, null, null, null)",
    ],
)
def test_a_publisher_may_do_nothing_else(sql, role, tenant, statement):
    sql.execute("select apus.allow_publishing(%s, %s)", [role, tenant])
    with pytest.raises(psycopg.errors.InsufficientPrivilege), sql.transaction():
        sql.execute(f'set local session authorization "{role}"')
        sql.execute(statement)


def test_a_role_that_was_dropped_lets_nobody_in(sql, role, tenant):
    sql.execute("select apus.allow_publishing(%s, %s)", [role, tenant])
    sql.execute(f'drop owned by "{role}"')
    sql.execute(f'drop role "{role}"')
    other = f"{role} other"
    sql.execute(f'create role "{other}"')
    sql.execute("select apus.allow_publishing(%s, 'other')", [other])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        publishing(sql, other, f", tenant => '{tenant}'")
