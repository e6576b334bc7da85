"""`apus publish` of many events: newline-delimited JSON, from a file or standard input."""

import json

import pytest

from clients import new_id
from events import payload, note

TYPE_URL = "type.googleapis.com/" + payload("chat.message.sent").DESCRIPTOR.full_name


def line(n, **fields):
    event = {"type": "chat.message.sent", "subject": str(n), "data": {"messageId": str(n)}}
    return json.dumps({**event, **fields})


@pytest.fixture
def publish(node, tenant):
    def run(text, *arguments, **options):
        return node.apus("publish", *arguments, tenant=tenant, input=text, **options)

    return run


def subjects(client):
    return [d.event.subject for d in client.history()]


def test_10_000_events_from_standard_input_are_published_in_order(publish, client):
    text = "\n".join(line(n) for n in range(10_000)) + "\n"
    result = publish(text, "--file", "-", "--json")
    summary = json.loads(result.stdout)
    assert (summary["stored"], summary["duplicates"], summary["failed"]) == (10_000, 0, 0)
    assert result.stderr == "", "no progress line where there is no terminal"
    deliveries = client.history(timeout=60)
    assert [d.event.subject for d in deliveries] == [str(n) for n in range(10_000)]


def test_events_come_from_a_file_too(publish, client, tmp_path):
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join(line(n) for n in range(1500)))
    publish(None, "--file", path)
    assert subjects(client) == [str(n) for n in range(1500)]


def test_blank_lines_are_passed_over_and_the_last_may_lack_its_end(publish, client):
    publish(f"\n{line(1)}\r\n\n  \n{line(2)}", "--file", "-")
    assert subjects(client) == ["1", "2"]


def test_data_may_be_an_any_in_canonical_json(publish, client):
    id = new_id()
    event = {
        "id": id, "occurredAt": "2026-01-31T12:00:00.123456789Z", "partitionKey": "key",
        "data": {"@type": TYPE_URL, "messageId": "7"},
        "metadata": {"correlationId": "c", "extra": {"a": "b"}},
    }
    publish(json.dumps(event), "--file", "-")
    kept = client.get(id).event
    assert kept.type == "chat.message.sent" and kept.partition_key == "key"
    assert kept.occurred_at.nanos == 123_456_789
    assert kept.metadata.extra == {"a": "b"}
    assert kept.data == note("7").data


def test_what_subscribe_prints_can_be_published_again(node, publish, client, new_client):
    client.publish(*[note(str(n), subject=str(n)) for n in range(5)])
    out = node.apus(
        "subscribe", "--from", "beginning", "--until-caught-up", "--json", tenant=client.tenant
    ).stdout
    lines = []
    for row in out.splitlines():
        event = json.loads(row)["event"]
        del event["tenantId"]
        lines.append(json.dumps(event))
    copy = client.tenant + "copy"
    node.apus("publish", "--file", "-", tenant=copy, input="\n".join(lines))
    mine, theirs = client.history(), new_client(node, copy).history()
    assert [d.event.id for d in theirs] == [d.event.id for d in mine]
    assert [d.event.data for d in theirs] == [d.event.data for d in mine]


def test_a_bad_line_is_named_by_its_number(publish, client):
    result = publish("\n".join([line(1), line(2), '{"type":', line(4)]), "--file", "-",
                     check=False)
    assert result.returncode == 1
    assert "3" in result.stderr and len(result.stderr.splitlines()) < 5


def test_a_refused_event_is_named_by_its_line_and_field(publish, client):
    result = publish("\n".join([line(1), line("x" * 600), line(3)]), "--file", "-", check=False)
    assert result.returncode == 1
    assert "2" in result.stderr and "subject" in result.stderr


def test_blank_lines_count_in_the_number_of_a_bad_line(publish):
    result = publish(f"{line(1)}\n\n\nnonsense\n", "--file", "-", check=False)
    assert result.returncode == 1 and "4" in result.stderr


def test_large_events_are_spread_over_requests_that_fit(publish, client):
    data = {"messageId": "x", "recipient": "y" * 100_000}
    text = "\n".join(line(n, data=data) for n in range(150))
    publish(text, "--file", "-")
    assert subjects(client) == [str(n) for n in range(150)]


def test_a_repeated_run_stores_nothing_twice(publish, client):
    text = "\n".join(line(n, id=new_id()) for n in range(100))
    publish(text, "--file", "-")
    summary = json.loads(publish(text, "--file", "-", "--json").stdout)
    assert (summary["stored"], summary["duplicates"]) == (0, 100)
    assert len(subjects(client)) == 100


def test_bytes_that_are_no_utf_8_are_refused_not_replaced(node, client, tmp_path):
    path = tmp_path / "latin-1.ndjson"
    path.write_bytes(line(1).encode() + b"\n" + line("2").replace("2", "\xe4").encode("latin-1"))
    result = node.apus("publish", "--file", path, tenant=client.tenant, check=False)
    assert result.returncode == 1 and "2" in result.stderr
    assert not any("\ufffd" in s for s in subjects(client))


def test_a_file_that_cannot_be_read_to_its_end_is_said_so(publish, client, tmp_path):
    result = publish(None, "--file", tmp_path, check=False)
    assert result.returncode == 1 and "directory" in result.stderr
    path = tmp_path / "long.ndjson"
    path.write_text(f"{line(1)}\n" + "x" * (9 << 20))
    result = publish(None, "--file", path, check=False)
    assert result.returncode == 1 and "longer than" in result.stderr


def test_a_missing_file_is_said_so(publish, tmp_path):
    result = publish(None, "--file", tmp_path / "none", check=False)
    assert result.returncode in (1, 2) and str(tmp_path / "none") in result.stderr
