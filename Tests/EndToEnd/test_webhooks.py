"""Webhooks against a real server: what is sent, how it is signed, and where nothing is sent."""

import json
import re
import signal

import pytest
from apus.v1 import lookup_pb2

import receivers
from certificates import Authority
from clients import Client, eventually
from events import lead, note
from nodes import Node, run_apus
from receivers import Receiver, new_secret
from test_retention import earliest

FAILED = lookup_pb2.EVENT_STATUS_FAILED
PROCESSED = lookup_pb2.EVENT_STATUS_PROCESSED
# Of a failure nothing is waited for here.
ONCE = {"maxAttempts": 1}


class Hooks:
    """A configuration file, and a node that was started with it."""

    def __init__(self, path, start_node):
        self.path = path
        self.start_node = start_node
        self.node = None

    def write(self, *endpoints):
        # JSON is YAML.
        self.path.write_text(json.dumps({"webhooks": list(endpoints)}))

    def start(self, *endpoints, more=(), **options):
        self.write(*endpoints)
        self.node = self.start_node(
            "--config", self.path, "--log-level", "debug", *more, **options)
        return self.node

    def reload(self, *endpoints):
        """Returns when the file counts."""
        self.write(*endpoints)
        before = self.node.read_log().count("Configuration reloaded")
        self.node.process.send_signal(signal.SIGHUP)
        eventually(
            lambda: self.node.read_log().count("Configuration reloaded") > before, "reloaded"
        )

    def ended(self, name):
        """Returns when an endpoint that was taken out, or changed, has ended."""
        line = re.compile(rf"Handler has ended.*{name}")
        eventually(lambda: line.search(self.node.read_log()), f"{name} has ended")


@pytest.fixture
def hooks(tmp_path, start_node):
    return Hooks(tmp_path / "apus.yaml", start_node)


def endpoint(receiver, name="orders", **options):
    made = {
        "name": name, "url": receiver.url(), "types": ["lead.*"], "secrets": [new_secret()],
        "allowPrivateAddresses": True, "timeLimit": "20s",
    }
    return {**made, **options}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """One node and many receivers, each of the events of the tenant of its name."""
    made = Zoo(tmp_path_factory.mktemp("zoo") / "apus.yaml")
    yield made
    made.close()


class Zoo:
    def __init__(self, path):
        self.elsewhere = Receiver()
        self.receivers = {}
        self.endpoints = {}
        self.add("binary", headers={"Authorization": "Bearer sesame", "X-Team": "crm"})
        self.add("structured", mode="structured")
        self.add("redirect", receivers.redirect_to(self.elsewhere.url()))
        self.add("gone", 410)
        self.add(
            "flaky", [503, receivers.unavailable(1), 200],
            retry={"firstDelay": "10ms", "maxDelay": "20ms"},
        )
        self.add("large", receivers.endless_body(200))
        self.add("large-error", receivers.endless_body(500))
        self.add("headers", receivers.endless_headers)
        silent = self.add("silent", timeLimit="300ms")
        silent.answers = receivers.silence(silent)
        private = self.add("private", allowPrivateAddresses=False)
        self.endpoints["private"]["url"] = private.url(host="localhost")
        path.write_text(json.dumps({"webhooks": list(self.endpoints.values())}))
        self.node = Node("--config", path)

    def add(self, name, answer=200, retry=ONCE, **options):
        receiver = self.receivers[name] = Receiver(answer)
        self.endpoints[name] = endpoint(receiver, name, tenants=[name], retry=retry, **options)
        return receiver

    def send(self, name, **fields):
        """Publishes an event, and waits for its end."""
        return settled(self.node, publish(self.node, name, **fields), name)

    def is_signed(self, name, delivery):
        return delivery.is_signed_by(self.endpoints[name]["secrets"][0])

    def close(self):
        self.node.close()
        for receiver in [*self.receivers.values(), self.elsewhere]:
            receiver.close()


def publish(node, tenant="acme", **fields):
    with Client(node, tenant) as client:
        return client.publish_one(lead(**fields)).event_id


def settled(node, id, tenant="acme"):
    """The look-up of an event once nothing is to be done with it any more."""
    with Client(node, tenant) as client:

        def done():
            answer = client.get(id)
            ended = {PROCESSED, FAILED}
            return answer if answer.status in ended else None

        return eventually(done, f"{id} is settled")


def test_an_event_is_sent_as_a_cloud_event_and_signed(zoo):
    answer = zoo.send("binary", lead_id="ä1", subject="lead/ä 1", source="crm")
    delivery = zoo.receivers["binary"].next()
    assert delivery.json == {"leadId": "ä1", "source": "manual"}
    found = {name: delivery.headers[name] for name in delivery.headers}
    assert found["content-type"] == "application/json"
    assert found["ce-specversion"] == "1.0"
    assert found["ce-id"] == answer.event.id and found["ce-type"] == "lead.created"
    assert found["ce-source"] == "crm" and found["ce-subject"] == "lead/%C3%A4%201"
    assert found["ce-tenant"] == "binary" and re.match(r"\d{4}-\d\d-\d\dT", found["ce-time"])
    assert found["Authorization"] == "Bearer sesame" and found["X-Team"] == "crm"
    assert found["user-agent"].startswith("apus/")
    assert zoo.is_signed("binary", delivery)
    assert not zoo.is_signed("structured", delivery)
    assert answer.status == PROCESSED
    assert "webhook/binary" in {record.consumer for record in answer.deliveries}


def test_structured_mode_sends_one_object(zoo):
    answer = zoo.send("structured", subject='lead/"1"')
    delivery = zoo.receivers["structured"].next()
    assert delivery.headers["content-type"].startswith("application/cloudevents+json")
    assert delivery.json["id"] == answer.event.id and delivery.json["subject"] == 'lead/"1"'
    assert delivery.json["data"] == {"leadId": "42", "source": "manual"}
    assert delivery.json["source"] == "/tenants/structured"
    assert zoo.is_signed("structured", delivery)


def test_only_wanted_types_and_tenants_are_sent(hooks, receive):
    receiver, other = receive(), receive()
    node = hooks.start(
        endpoint(receiver, tenants=["globex"]),
        endpoint(other, "others", types=["order.*"]),
    )
    first = publish(node, "acme")
    last = publish(node, "globex")
    assert receiver.next().headers["ce-id"] == last
    assert settled(node, first).status == PROCESSED
    assert receiver.deliveries.empty() and other.connections == 0


def test_a_secret_is_changed_without_a_gap(hooks, receive):
    receiver = receive()
    old, new = new_secret(), new_secret()
    node = hooks.start(endpoint(receiver, secrets=[old]))
    for secrets in [[old], [new, old], [new]]:
        hooks.reload(endpoint(receiver, secrets=secrets))
        publish(node)
        delivery = receiver.next()
        assert [delivery.is_signed_by(s) for s in (old, new)] == [s in secrets for s in (old, new)]


def test_secrets_in_files_are_read_again_at_a_reload(hooks, receive, tmp_path):
    receiver = receive()
    own, old, new = new_secret(), new_secret(), new_secret()
    file = tmp_path / "secret"
    file.write_text(f"{old}\n")
    hook = endpoint(receiver, secrets=[own], secretFiles=[str(file)])
    node = hooks.start(hook)
    for mounted in [[old], [old, new], [new]]:
        file.write_text("\r\n\n".join(mounted))
        hooks.reload(hook)
        publish(node)
        delivery = receiver.next()
        signers = [s for s in (own, old, new) if delivery.is_signed_by(s)]
        assert signers == [own, *mounted]


@pytest.mark.parametrize("text, fault", [
    (None, "can't be read: No such file or directory"),
    ("\n \n", "says nothing"),
    ("{secret}\nsesame", "line 2 must be whsec_ and base64 of 24 to 64 random bytes"),
    ("{secret}\n" * 11, "must make 10 secrets at most, all together"),
    (" " * 65537, "is larger than 65536 bytes"),
])
def test_a_file_without_secrets_is_a_fault(tmp_path, text, fault):
    mounted = tmp_path / "secret"
    if text is not None:
        mounted.write_text(text.replace("{secret}", new_secret()))
    file = tmp_path / "apus.yaml"
    hook = {
        "name": "a", "url": "https://example.com/", "types": ["a.b"],
        "secretFiles": [str(mounted)],
    }
    file.write_text(json.dumps({"webhooks": [hook]}))
    result = run_apus("config", "check", file, check=False)
    assert result.returncode == 1
    assert "webhooks[0].secretFiles" in result.stderr and fault in result.stderr
    assert "sesame" not in result.stderr and "whsec_A" not in result.stderr


def test_a_reload_moves_an_endpoint_and_a_wrong_one_does_not(hooks, receive):
    first, second = receive(), receive()
    node = hooks.start(endpoint(first))
    publish(node)
    first.next()
    hooks.reload(endpoint(second))
    id = publish(node)
    assert second.next().headers["ce-id"] == id
    hooks.path.write_text(json.dumps({"webhooks": [{"name": "orders"}]}))
    node.process.send_signal(signal.SIGHUP)
    eventually(lambda: "the old one stays in use" in node.read_log(), "refused")
    id = publish(node)
    assert second.next().headers["ce-id"] == id
    assert first.deliveries.empty()


def test_endpoints_come_and_go_under_a_running_node(hooks, receive):
    first, second = receive(), receive()
    node = hooks.start()
    publish(node)
    hooks.reload(endpoint(first))
    id = publish(node)
    # A new endpoint starts as a new handler does: what was there before is not sent.
    assert first.next().headers["ce-id"] == id
    hooks.reload(endpoint(first), endpoint(second, "others"))
    id = publish(node)
    assert {r.next().headers["ce-id"] for r in (first, second)} == {id}

    hooks.reload(endpoint(second, "others"))
    hooks.ended("orders")
    id = publish(node)
    assert second.next().headers["ce-id"] == id
    with Client(node, "acme") as client:
        eventually(lambda: len(client.get(id).deliveries) > 1, "the others are in the ledger")
        assert client.get(id).status not in {PROCESSED, FAILED}
        assert "webhook/orders" not in {d.consumer for d in client.get(id).deliveries}
    # It goes on from where it was.
    hooks.reload(endpoint(first), endpoint(second, "others"))
    assert first.next().headers["ce-id"] == id
    assert settled(node, id).status == PROCESSED
    assert first.deliveries.empty() and second.deliveries.empty()
    assert "counts after a restart" not in node.read_log()


def test_an_endpoint_that_is_taken_out_keeps_its_dead_letters(hooks, receive):
    receiver = receive(410)
    node = hooks.start(endpoint(receiver))
    id = publish(node)
    assert settled(node, id).status == FAILED
    first = receiver.next()
    hooks.reload()
    hooks.ended("orders")
    letters = ["--consumer", "webhook/orders", "--tenant", "acme"]
    assert id in node.apus("dead-letters", "list", *letters).stdout
    receiver.answers = 200
    node.apus("dead-letters", "retry", *letters)
    hooks.reload(endpoint(receiver))
    again = receiver.next()
    assert again.headers["webhook-id"] == first.headers["webhook-id"]
    # Failed until the answer to that is recorded.
    eventually(lambda: settled(node, id).status == PROCESSED, "the dead letter is resolved")


def forget(node, *more, check=True):
    command = ["handlers", "forget", "orders", "--data-dir", node.data_dir, *more]
    return run_apus(*command, check=check)


def test_an_endpoint_that_is_gone_holds_the_log_until_it_is_forgotten(hooks, receive):
    receiver = receive()
    node = hooks.start(
        endpoint(receiver), more=["--retention-age", "1s", "--partition-events", "100"])
    first = publish(node)
    assert receiver.next().headers["ce-id"] == first
    told = forget(node, check=False)
    assert told.returncode == 1 and "orders is registered on " in told.stderr

    hooks.reload()
    hooks.ended("orders")
    with Client(node, "acme") as client:
        for _ in range(3):
            client.publish(*[lead() for _ in range(100)])
    held = re.compile(r"Retention waits.*webhook/orders")
    eventually(lambda: held.search(node.read_log()), "the operator hears who holds the log")
    assert earliest(node) == 1
    listed = node.apus("handlers", "list").stdout
    assert re.search(r"orders .*\n.*\(no node has it\)", listed)
    assert listed.count("no node has it") == 1

    told = forget(node, "--json").stdout
    assert json.loads(told) == {
        "forgotten": "webhook/orders", "position": "1", "lag_events": "300", "unfinished": 0,
        "lanes": 0, "dead_letters": 0, "replays": 0}
    eventually(lambda: earliest(node) == 301, "nobody holds the log")
    assert "orders" not in node.apus("handlers", "list").stdout
    assert forget(node, check=False).stderr == "apus handlers: there is no handler orders\n"

    # The name is free: who takes it begins with the next event.
    hooks.reload(endpoint(receiver))
    id = publish(node)
    assert receiver.next().headers["ce-id"] == id
    assert settled(node, id).status == PROCESSED
    assert receiver.deliveries.empty()


def test_dead_letters_of_an_endpoint_are_forgotten_only_when_that_is_said(hooks, receive):
    node = hooks.start(endpoint(receive(410)))
    id = publish(node)
    assert settled(node, id).status == FAILED
    hooks.reload()
    hooks.ended("orders")
    told = forget(node, check=False)
    assert told.returncode == 1
    assert "1 open dead letter of webhook/orders would go with it" in told.stderr
    assert settled(node, id).status == FAILED
    told = forget(node, "--discard-dead-letters").stdout
    # The failure is an event too, published while the endpoint was taken out or before.
    assert re.match(
        r"forgot webhook/orders: it was at position (1, 1 event|2, 0 events) behind, 0 unf", told)
    assert told.endswith("1 dead letter discarded\n")
    answer = settled(node, id)
    assert answer.status == PROCESSED
    # What happened stays known.
    outcomes = [d.outcome for d in answer.deliveries if d.consumer == "webhook/orders"]
    assert sorted(outcomes) == sorted([
        lookup_pb2.DELIVERY_OUTCOME_DEAD_LETTERED, lookup_pb2.DELIVERY_OUTCOME_DISCARDED])


def test_types_order_and_concurrency_of_an_endpoint_change_under_a_running_node(hooks, receive):
    receiver = receive()
    node = hooks.start(endpoint(receiver))
    publish(node, lead_id="1")
    receiver.next()
    hooks.reload(
        endpoint(receiver, types=["chat.message.sent"], ordering="none", concurrency=1, retry=ONCE))
    hooks.ended("orders")
    publish(node, lead_id="2")
    with Client(node, "acme") as client:
        id = client.publish_one(note("3")).event_id
    assert receiver.next().headers["ce-id"] == id
    assert settled(node, id).status == PROCESSED
    receiver.answers = 503
    with Client(node, "acme") as client:
        id = client.publish_one(note("4")).event_id
    assert settled(node, id).status == FAILED
    assert receiver.next().headers["ce-id"] == id and receiver.deliveries.empty()


def test_what_is_under_way_to_an_endpoint_that_is_taken_out_comes_again(hooks, receive):
    receiver = receive()
    receiver.answers = receivers.silence(receiver)
    # Runs get three quarters of this.
    node = hooks.start(endpoint(receiver), more=["--drain-timeout", "1s"])
    id = publish(node)
    first = receiver.next()
    hooks.reload()
    hooks.ended("orders")
    receiver.answers = 200
    hooks.reload(endpoint(receiver))
    again = receiver.next()
    assert again.headers["webhook-id"] == first.headers["webhook-id"]
    answer = settled(node, id)
    assert answer.status == PROCESSED
    # It was ended by us, so that does not count as an attempt.
    (sent,) = [d for d in answer.deliveries if d.consumer == "webhook/orders"]
    assert sent.attempt == 1


def test_a_run_that_was_lost_with_its_node_is_in_the_ledger(hooks, receive):
    receiver = receive()
    receiver.answers = receivers.silence(receiver)
    node = hooks.start(endpoint(receiver), more=["--lease-time", "1s"])
    id = publish(node)
    first = receiver.next()
    node.kill()
    receiver.answers = 200
    node.start()
    assert receiver.next().headers["webhook-id"] == first.headers["webhook-id"]
    answer = settled(node, id)
    assert answer.status == PROCESSED
    sent = [d for d in answer.deliveries if d.consumer == "webhook/orders"]
    assert [(d.attempt, d.outcome, d.error_message) for d in sent] == [
        (2, lookup_pb2.DELIVERY_OUTCOME_SUCCEEDED, ""),
        (1, lookup_pb2.DELIVERY_OUTCOME_FAILED, "RUN_LOST"),
    ]


def test_a_certificate_must_be_of_a_trusted_issuer_and_of_the_host(hooks, receive, tmp_path):
    authority = Authority(tmp_path)
    stranger = Authority(tmp_path, "stranger")
    receiver = receive(tls=authority.issue("server"))
    misnamed = receive(tls=authority.issue("misnamed", alternatives="DNS:example.com"))
    trust = {"tls": {"issuers": str(authority.certificate)}, "retry": ONCE}
    node = hooks.start(
        endpoint(receiver, **trust),
        endpoint(
            receiver, "stranger", tls={"issuers": str(stranger.certificate)}, retry=ONCE
        ),
        endpoint(receiver, "usual", retry=ONCE),
        endpoint(misnamed, "misnamed", **trust),
    )
    answer = settled(node, publish(node))
    assert receiver.next().path == "/hook"
    assert receiver.deliveries.empty() and misnamed.deliveries.empty()
    assert answer.status == FAILED
    failed = {"webhook/stranger", "webhook/usual", "webhook/misnamed"}
    eventually(lambda: failing(node) == failed, "three fail")


def failing(node):
    """Consumers with a dead letter."""
    lines = node.apus("dead-letters", "list", "--json", tenant="acme").stdout.splitlines()
    return {json.loads(line)["consumer"] for line in lines}


def test_a_redirect_is_not_followed(zoo):
    assert zoo.send("redirect").status == FAILED
    assert zoo.elsewhere.connections == 0


def test_a_name_that_leads_to_a_private_address_is_not_connected_to(zoo):
    assert zoo.send("private").status == FAILED
    assert zoo.receivers["private"].connections == 0


def test_a_connection_of_one_that_may_is_not_lent_to_one_that_may_not(hooks, receive):
    receiver = receive()
    url = receiver.url(host="localhost")
    node = hooks.start(
        endpoint(receiver, url=url),
        endpoint(receiver, "outside", url=url, allowPrivateAddresses=False, retry=ONCE),
    )
    for _ in range(3):
        id = publish(node)
        assert receiver.next().headers["webhook-id"].startswith("webhook/orders/")
        settled(node, id)
    eventually(lambda: failing(node) == {"webhook/outside"}, "it fails")
    assert receiver.deliveries.empty()


@pytest.mark.parametrize("url", [
    "http://127.0.0.1/", "http://2130706433/", "http://[::1]/", "http://[::ffff:10.0.0.1]/",
    "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/", "http://0/",
    "ftp://example.com/", "https://user:sesame@example.com/", "https://example.com/#sesame",
])
def test_a_url_that_can_not_be_is_told_before_anything_runs(tmp_path, url):
    file = tmp_path / "apus.yaml"
    hook = {"name": "a", "url": url, "types": ["a.b"], "secrets": [new_secret()]}
    file.write_text(json.dumps({"webhooks": [hook]}))
    result = run_apus("config", "check", file, check=False)
    assert result.returncode == 1
    assert "webhooks[0].url: must be" in result.stderr and "sesame" not in result.stderr


def test_the_answer_is_its_status_however_long_the_body(zoo):
    assert zoo.send("large").status == PROCESSED
    assert zoo.send("large-error").status == FAILED


@pytest.mark.parametrize("name", ["headers", "silent"])
def test_an_ill_receiver_is_given_up(zoo, name):
    assert zoo.send(name).status == FAILED


def test_what_fails_for_a_while_comes_again_under_the_same_id(zoo):
    answer = zoo.send("flaky")
    assert answer.status == PROCESSED
    attempts = [zoo.receivers["flaky"].next() for _ in range(3)]
    assert {a.headers["webhook-id"] for a in attempts} == {
        f"webhook/flaky/{answer.event.position}/{answer.event.id}"
    }
    assert all(zoo.is_signed("flaky", attempt) for attempt in attempts)
    # What the receiver asked for.
    assert attempts[2].at - attempts[1].at >= 1


def test_what_is_gone_is_not_tried_again(zoo):
    assert zoo.send("gone").status == FAILED
    receiver = zoo.receivers["gone"]
    assert receiver.next() and receiver.deliveries.empty()


def test_a_replay_leaves_webhooks_out_unless_they_are_named(zoo):
    receiver = zoo.receivers["structured"]
    id = zoo.send("structured").event.id
    first = receiver.next()
    with Client(zoo.node, "structured") as client:
        plan = client.replay(ids=[id], dry_run=True)
        skipped = {target.handler: target.skipped_reason for target in plan.targets}
        assert skipped["structured"]
        client.replay_done(client.replay(ids=[id], handlers=["structured"]).replay_id)
    again = receiver.next()
    assert again.headers["webhook-id"] == first.headers["webhook-id"]
    assert again.body == first.body


def test_no_secret_is_in_the_log(hooks, receive):
    receiver = receive([400])
    hook = endpoint(
        receiver, url=receiver.url("/sesame?key=sesame"), headers={"X-Api-Key": "sesame"}
    )
    node = hooks.start(hook)
    assert settled(node, publish(node)).status == FAILED
    hooks.reload({**hook, "secrets": [new_secret()]})
    node.stop()
    log = node.read_log()
    assert "answered 400" in log
    assert "sesame" not in log and hook["secrets"][0].removeprefix("whsec_") not in log
