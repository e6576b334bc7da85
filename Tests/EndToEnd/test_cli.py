"""The command line as a person or a script uses it."""

import json
import re
import subprocess

import pytest

from clients import eventually, new_id
from events import lead, note
from nodes import BINARY, TOP, run_apus

DATA = '{"leadId":"42","source":"manual"}'
COMMANDS = [
    "serve", "publish", "subscribe", "get", "list", "replay", "groups", "handlers", "dead-letters",
    "health", "verify", "config", "migrate", "version",
]


@pytest.fixture
def apus(node, tenant):
    def run(*arguments, **options):
        return node.apus(*arguments, tenant=tenant, **options)

    return run


@pytest.fixture
def rows(apus):
    """The lines of JSON that a command prints."""

    def read(*arguments, **options):
        out = apus(*arguments, "--json", **options).stdout
        return [json.loads(line) for line in out.splitlines()]

    return read


# Help and usage


def test_help_lists_every_command():
    for arguments in (["--help"], ["help"], ["-h"]):
        text = run_apus(*arguments).stdout
        assert all(re.search(rf"^\s+{name}\b", text, re.M) for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    text = run_apus(command, "--help").stdout
    assert f"apus {command}" in text and "--help" in text


def test_nothing_at_all_is_wrong_usage():
    result = run_apus(check=False)
    assert result.returncode == 2 and "Usage" in result.stdout + result.stderr


@pytest.mark.parametrize("arguments, named", [
    (["nonsense"], "nonsense"),
    (["get"], "ID"),
    (["get", "a", "b"], "ID"),
    (["get", "--nonsense", "x"], "--nonsense"),
    (["list", "--limit", "many"], "--limit"),
    (["list", "--limit"], "--limit"),
    (["list", "--limit", "0"], "--limit"),
    (["list", "--status", "odd"], "--status"),
    (["list", "--since", "yesterday"], "--since"),
    (["list", "--kind", "odd"], "--kind"),
    (["health", "--address", "nowhere"], "--address"),
    (["health", "--address", "localhost:99999"], "--address"),
    (["health", "--timeout", "soon"], "--timeout"),
    (["health", "--json=yes"], "--json"),
    (["subscribe", "--from", "sometime"], "--from"),
    (["publish"], ""),
    (["publish", "lead.created", "--data", "{}", "--file", "x"], "--file"),
    (["publish", "--file", "x", "--expect-position", "7"], "--expect-position"),
    (["publish", "lead.created", "--tenant", "m\u00fcller"], "--tenant"),
    (["list", "--tenant", "a\tb"], "--tenant"),
    (["replay"], "--ids"),
    (["serve", "--listen", "nowhere"], "--listen"),
    (["serve", "surplus"], "surplus"),
    (["serve", "--log-level", "loud"], "--log-level"),
    (["serve", "--retention-age", "long"], "--retention-age"),
    (["serve", "--retention-age", "0s"], "--retention-age"),
    (["serve", "--retention-bytes", "50gigs"], "--retention-bytes"),
    (["serve", "--retention-bytes", "1B"], "--retention-bytes"),
    (["serve", "--retention-age", "2d", "--retention-hard-age", "1d"], "--retention-hard-age"),
    (["serve", "--partition-events", "1"], "--partition-events"),
], ids=" ".join)
def test_wrong_usage_exits_with_2_and_names_what_is_wrong(arguments, named):
    result = run_apus(*arguments, check=False)
    assert result.returncode == 2, result
    assert result.stdout == ""
    assert named in result.stderr and "--help" in result.stderr
    assert len(result.stderr.splitlines()) < 5


def test_version_tells_the_commit():
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=TOP, capture_output=True, text=True,
    ).stdout.strip().removesuffix("-dirty")
    told = json.loads(run_apus("version", "--json").stdout)
    assert re.fullmatch(r"[0-9a-f]{12}(-dirty)?", told["commit"])
    for spelling in (["version"], ["--version"]):
        assert told["commit"] in run_apus(*spelling).stdout
    if (BINARY.stat().st_mtime > (TOP / ".git" / "logs" / "HEAD").stat().st_mtime):
        assert told["commit"].startswith(commit)


# The round trip


def test_a_first_event_goes_round(apus, rows):
    (published,) = rows("publish", "lead.created", "--data", DATA)
    id = published["eventId"]
    (heard,) = rows("subscribe", "lead.*", "--from", "beginning", "--until-caught-up")
    assert heard["event"]["id"] == id
    assert heard["event"]["data"]["leadId"] == "42"

    (shown,) = rows("get", id, "--wait")
    assert shown["status"] == "EVENT_STATUS_PROCESSED"
    assert shown["deliveries"][0]["consumer"] == "handler/lead-analytics"

    (listed,) = rows("list", "--type", "lead.*")
    assert listed["event"] == shown["event"]

    replayed = rows("replay", "--ids", id, "--wait")[-1]
    assert replayed["state"] == "REPLAY_STATE_COMPLETED"
    (again,) = rows("get", id)
    assert replayed["replayId"] in [d.get("replayId") for d in again["deliveries"]]


def test_people_read_the_same_without_json(apus):
    out = apus("publish", "lead.created", "--data", DATA, "--subject", "lead/42").stdout
    (id,) = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", out)
    shown = apus("get", id, "--wait").stdout
    for text in (id, "lead.created", "lead/42", "processed", "handler/lead-analytics",
                 "succeeded", '"leadId":"42"'):
        assert text in shown, shown
    heard = apus("subscribe", "--from", "beginning", "--until-caught-up").stdout
    assert len(heard.splitlines()) == 1 and id in heard and "lead.created" in heard
    assert id in apus("list").stdout
    assert "1" in apus("replay", "--ids", id, "--dry-run").stdout
    assert "healthy" in apus("health").stdout.lower()


def test_what_a_publisher_wrote_does_not_drive_the_terminal(apus):
    subject = "\x1b]0;title\x07\x1b[2K\r\nstatus     forged \u009b1m \u202eback"
    out = apus("publish", "chat.message.sent", "--subject", subject,
               "--data", json.dumps({"messageId": "\u009b2J"})).stdout
    (id,) = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", out)
    shown = apus("get", id).stdout + apus("list").stdout
    assert not set(shown) & set("\x07\x1b\r\u009b\u202e")
    assert r"\u001b]0;title\u0007\u001b[2K\u000d\u000astatus     forged \u009b1m" in shown
    assert r"\u009b2J" in shown
    (exact,) = apus("list", "--json").stdout.splitlines()
    assert json.loads(exact)["event"]["subject"] == subject, "JSON is as it was"


def test_publish_again_with_the_same_id_says_duplicate(rows):
    command = ["publish", "lead.created", "--data", DATA, "--id", new_id()]
    (first,) = rows(*command)
    (again,) = rows(*command)
    assert again == {**first, "duplicate": True}


def test_publish_takes_every_field_of_an_event(apus, client):
    first = client.publish_one(lead(subject="lead/42"))
    id = new_id()
    apus(
        "publish", "lead.created", "--data", DATA, "--id", id, "--subject", "lead/42",
        "--partition-key", "key", "--source", "crm", "--version", "1",
        "--occurred-at", "2026-01-31T12:00:00.5Z", "--correlation-id", "cor",
        "--causation-id", "cau", "--extra", "a=b=c", "--extra", "d=",
        "--expect-position", first.position,
    )
    kept = client.get(id).event
    assert (kept.subject, kept.partition_key, kept.source) == ("lead/42", "key", "crm")
    assert kept.occurred_at.ToJsonString() == "2026-01-31T12:00:00.500Z"
    assert (kept.metadata.correlation_id, kept.metadata.causation_id) == ("cor", "cau")
    assert kept.metadata.extra == {"a": "b=c", "d": ""}
    moved = apus(
        "publish", "lead.created", "--data", DATA, "--subject", "lead/42",
        "--expect-position", first.position, check=False,
    )
    assert moved.returncode == 1


def test_subscribe_prints_events_as_they_come(node, client):
    command = [
        str(BINARY), "subscribe", "--from", "beginning", "--json", "--address", node.address,
        "--tenant", client.tenant,
    ]
    first = client.publish_one(note())
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert json.loads(process.stdout.readline())["event"]["id"] == first.event_id
        for _ in range(3):
            id = client.publish_one(note()).event_id
            line = json.loads(process.stdout.readline())
            assert line["event"]["id"] == id
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()
    cursor = line["cursor"]
    last = client.publish_one(note()).event_id
    out = node.apus(
        "subscribe", "--from", f"cursor:{cursor}", "--until-caught-up", tenant=client.tenant
    ).stdout
    assert len(out.splitlines()) == 1 and last in out


def test_subscribe_starts_at_a_position_a_time_or_the_end(rows, client):
    results = client.publish(*[note() for _ in range(5)])
    at = client.publish_one(note()).event_id
    moment = client.get(at).event.recorded_at.ToJsonString()

    def heard(start):
        return [d["event"]["id"] for d in rows("subscribe", "--from", start, "--until-caught-up")]

    ids = [r.event_id for r in results] + [at]
    assert heard(str(results[3].position)) == ids[3:], "a position is inclusive on the command line"
    assert heard(moment) == ids[5:]
    assert heard("end") == []
    limited = rows("subscribe", "--from", "beginning", "--limit", "2")
    assert [d["event"]["id"] for d in limited] == ids[:2]


def test_list_filters_by_everything(rows, client):
    client.publish(lead(subject="a/1", source="x"), note(subject="a/2"), note(subject="b/1"))
    eventually(lambda: len(rows("list", "--status", "processed")) == 3, "all are processed")

    def subjects(*flags):
        return [e["event"]["subject"] for e in rows("list", *flags)]

    assert subjects() == ["b/1", "a/2", "a/1"]
    assert subjects("--oldest-first") == ["a/1", "a/2", "b/1"]
    assert subjects("--limit", "1") == ["b/1"]
    assert subjects("--subject-prefix", "a/") == ["a/2", "a/1"]
    assert subjects("--source", "x") == ["a/1"]
    assert subjects("--type", "chat.**", "--kind", "domain") == ["b/1", "a/2"]
    assert subjects("--status", "failed") == []


def test_replay_takes_ids_or_a_range(rows, client):
    ids = [client.publish_one(lead()).event_id for _ in range(3)]
    for id in ids:
        client.processed(id)
    plan = rows("replay", "--type", "lead.*", "--dry-run")[-1]
    assert (plan["state"], plan["matched"]) == ("REPLAY_STATE_PLANNED", "3")
    done = rows("replay", "--ids", ",".join(ids[:2]), "--wait")[-1]
    assert (done["state"], done["matched"]) == ("REPLAY_STATE_COMPLETED", "2")


def test_flags_come_from_the_environment_too(node, client):
    client.publish(note())
    environment = {"APUS_ADDRESS": node.address, "APUS_TENANT": client.tenant, "APUS_JSON": "1"}
    out = run_apus("list", environment=environment).stdout
    assert json.loads(out)["event"]["tenantId"] == client.tenant
    out = run_apus("list", "--tenant", client.tenant + "x", environment=environment).stdout
    assert out == "", "the command line wins"


def test_migrate_prepares_a_database_and_may_run_again(node):
    for _ in range(2):
        assert run_apus("migrate", "--database", node.database).returncode == 0


# Failures


def test_a_refusal_exits_with_1_and_names_the_field(apus):
    result = apus("publish", "lead.created", "--data", DATA, "--subject", "x" * 600, check=False)
    assert result.returncode == 1 and result.stdout == ""
    assert "subject" in result.stderr and len(result.stderr.splitlines()) < 5


@pytest.mark.parametrize("data, named", [
    ('{"leadID":"42"}', "leadID"), ('{"leadId":', ""), ('{"leadId":7}', "lead_id"), ("[]", ""),
    ('{"leadId":"a","leadId":"b"}', "lead_id"),
], ids=["unknown", "cut short", "a number", "a list", "twice"])
def test_data_that_is_no_such_json_fails_and_names_the_field(apus, data, named):
    result = apus("publish", "lead.created", "--data", data, check=False)
    assert result.returncode in (1, 2) and named in result.stderr
    assert len(result.stderr.splitlines()) < 5


def test_an_unknown_type_fails_and_names_it(apus):
    result = apus("publish", "no.such", "--data", "{}", check=False)
    assert result.returncode in (1, 2) and "no.such" in result.stderr


@pytest.mark.parametrize("arguments", [
    ["get", "0b0f7e5e-8f5e-4a53-9d5f-0a6f3c1d2e4b"], ["get", "42"],
    ["replay", "--ids", "0b0f7e5e-8f5e-4a53-9d5f-0a6f3c1d2e4b"],
    ["subscribe", "--from", "999999999999"], ["subscribe", "lead.**.x"],
], ids=" ".join)
def test_a_failure_exits_with_1_and_one_readable_line(apus, arguments):
    result = apus(*arguments, check=False)
    assert result.returncode == 1 and result.stdout == ""
    assert 0 < len(result.stderr.strip().splitlines()) <= 3
    for odd in ("Optional(", "Error(", "Swift", "RPCError", "0x"):
        assert odd not in result.stderr


@pytest.mark.parametrize("command", [
    ["health"], ["list"], ["subscribe"], ["publish", "lead.created", "--data", DATA],
], ids=lambda c: c[0])
def test_without_a_server_a_command_says_so_soon(command):
    result = run_apus(*command, "--address", "127.0.0.1:1", check=False, timeout=20)
    assert result.returncode == 1
    assert "127.0.0.1:1" in result.stderr and len(result.stderr.splitlines()) <= 3
