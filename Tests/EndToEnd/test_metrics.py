"""`GET /metrics`, read with Prometheus' own parser."""

import subprocess
import uuid

import pytest
from prometheus_client.parser import text_string_to_metric_families

from apus.v1 import health_pb2
from events import lead, unhandled


@pytest.fixture
def scrape(node):
    def scrape():
        result = subprocess.run(
            ["curl", "-sS", "--fail", "--http2-prior-knowledge", "-m", "30",
             f"http://{node.address}/metrics"], capture_output=True, text=True,
        )
        assert result.returncode == 0, result.stderr
        families = list(text_string_to_metric_families(result.stdout))
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families for sample in family.samples
        }
    return scrape


HANDLED = "grpc_server_handled_total"


def handled(metrics, method, code):
    return metrics[HANDLED, (("code", code), ("method", f"apus.v1.EventService/{method}"))]


def test_calls_are_counted_by_method_and_status(client, scrape):
    before = scrape()
    client.publish_one(lead())
    client.call("Health", health_pb2.HealthRequest())
    after = scrape()
    assert handled(after, "Publish", "OK") >= handled(before, "Publish", "OK") + 1
    assert handled(after, "Health", "OK") >= handled(before, "Health", "OK") + 1


def test_stored_events_are_counted_by_type(client, scrape):
    def published(kind):
        return scrape().get(("events_published_total", (("type", kind),)), 0)

    calls, leads = published("integration.api_call"), published("lead.created")
    known = unhandled(id=str(uuid.uuid4()))
    client.publish(known, lead(), unhandled())
    client.publish(known, unhandled())
    assert published("integration.api_call") == calls + 3
    assert published("lead.created") == leads + 1


def test_every_family_has_a_help_and_a_type(node):
    text = subprocess.run(
        ["curl", "-sS", "--http2-prior-knowledge", "-m", "30", f"http://{node.address}/metrics"],
        capture_output=True, text=True,
    ).stdout
    for family in text_string_to_metric_families(text):
        assert family.documentation and family.type != "unknown", family.name
