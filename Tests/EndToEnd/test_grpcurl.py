"""grpcurl with no `.proto` at hand: it asks the node's reflection for everything."""

import json

import pytest

from clients import eventually, new_id

SERVICE = "apus.v1.EventService"


@pytest.fixture
def curl(node, tenant):
    """Calls a method with JSON and reads the JSON answers."""

    def call(method, data=None, **options):
        result = node.grpcurl(
            f"{SERVICE}/{method}", data=json.dumps(data or {}),
            headers=[f"x-tenant-id: {tenant}"], **options,
        )
        return result if options.get("check") is False else answers(result.stdout)

    return call


def answers(text):
    decoder, found = json.JSONDecoder(), []
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def lead(**fields):
    data = {
        "@type": "type.googleapis.com/apus.events.lead.v1.LeadCreated",
        "leadId": "42", "source": "manual",
    }
    return {"data": data, **fields}


def test_list_names_the_services(node):
    names = node.grpcurl("list").stdout.split()
    assert {SERVICE, "grpc.health.v1.Health"} <= set(names)
    methods = node.grpcurl("list", SERVICE).stdout.split()
    assert {f"{SERVICE}.{m}" for m in ("Publish", "Subscribe", "GetEvent", "Replay", "Health")} \
        <= set(methods)


def test_describe_shows_the_service_and_its_messages(node):
    text = node.grpcurl("describe", SERVICE).stdout
    assert "rpc Publish ( .apus.v1.PublishRequest ) returns ( .apus.v1.PublishResponse );" in text
    assert "rpc Subscribe ( .apus.v1.SubscribeRequest ) returns ( stream " in text
    text = node.grpcurl("describe", "apus.v1.Event").stdout
    assert ".google.protobuf.Any data = 11;" in text
    assert "lead_id = 1;" in node.grpcurl("describe", "apus.events.lead.v1.LeadCreated").stdout


def test_publish_get_subscribe_list_and_replay(curl):
    id = new_id()
    (published,) = curl("Publish", {"events": [lead(id=id, subject="lead/42")]})
    (result,) = published["results"]
    assert result["eventId"] == id and int(result["position"]) > 0

    def processed():
        (answer,) = curl("GetEvent", {"id": id})
        return answer if answer.get("status") == "EVENT_STATUS_PROCESSED" else None

    answer = eventually(processed, "it is processed")
    assert answer["event"]["type"] == "lead.created"
    assert answer["event"]["data"] == lead()["data"], "the Any is printed as JSON"
    assert answer["deliveries"][0]["consumer"] == "handler/lead-analytics"
    assert answer["deliveries"][0]["outcome"] == "DELIVERY_OUTCOME_SUCCEEDED"

    heard = curl("Subscribe", {
        "filter": {"types": ["lead.*"]}, "beginning": {}, "untilCaughtUp": True,
    })
    deliveries = [d for r in heard for d in r.get("deliveries", [])]
    assert [d["event"]["id"] for d in deliveries] == [id]
    assert deliveries[0]["event"]["data"] == lead()["data"]

    (listed,) = curl("ListEvents", {"filter": {"types": ["lead.*"]}})
    assert [e["event"]["id"] for e in listed["events"]] == [id]

    (replay,) = curl("Replay", {"ids": {"ids": [id]}})
    assert int(replay["matched"]) == 1

    def completed():
        (answer,) = curl("GetReplay", {"replayId": replay["replayId"]})
        return answer if answer["state"] == "REPLAY_STATE_COMPLETED" else None

    assert int(eventually(completed, "it is replayed")["targets"][0]["done"]) == 1


def test_health(curl):
    (answer,) = curl("Health")
    assert answer["status"] == "HEALTH_STATUS_HEALTHY"
    assert int(answer["statistics"]["handlersRegistered"]) >= 1


def test_a_refusal_shows_its_details(curl):
    result = curl("Publish", {"events": [lead(id="42")]}, check=False)
    assert result.returncode != 0
    assert "Code: InvalidArgument" in result.stderr
    assert "google.rpc.BadRequest" in result.stderr and "events[0].id" in result.stderr


def test_publish_stream_over_standard_input(node, tenant):
    lines = "\n".join(json.dumps({"events": [lead(id=new_id())]}) for _ in range(20))
    result = node.grpcurl(
        f"{SERVICE}/PublishStream", data=lines, headers=[f"x-tenant-id: {tenant}"]
    )
    positions = [int(a["results"][0]["position"]) for a in answers(result.stdout)]
    assert len(positions) == 20 and positions == sorted(positions)


def test_the_standard_health_service(node):
    (answer,) = answers(node.grpcurl("grpc.health.v1.Health/Check").stdout)
    assert answer == {"status": "SERVING"}
