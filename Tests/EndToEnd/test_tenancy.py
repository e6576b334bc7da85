"""Who is who, for now: the tenant of a call, and what needs a flag."""

import grpc
import pytest

from clients import new_id
from events import lead, note
from nodes import run_apus
from problems import bad_fields, refused


def test_without_a_tenant_a_caller_on_loopback_is_default(node, new_client):
    nobody, default = new_client(node), new_client(node, "default")
    id = nobody.publish_one(note()).event_id
    assert nobody.get(id).event.tenant_id == "default"
    assert default.get(id).event.id == id


@pytest.mark.parametrize("name", ["a b", "x" * 65, "a/b", "*", "a,b"])
def test_a_tenant_that_is_no_tenant_is_refused(node, new_client, name):
    assert bad_fields(new_client(node, name).publish, note()) == ["x-tenant-id"]


@pytest.mark.parametrize("name", ["a", "x" * 64, "A.b_c-9", "0"])
def test_tenants_are_made_by_their_first_event(node, new_client, name):
    client = new_client(node, name)
    assert client.get(client.publish_one(note()).event_id).event.tenant_id == name


def test_a_tenant_without_events_is_empty_not_unknown(client):
    assert client.history() == []
    assert not client.list().events
    refused(grpc.StatusCode.NOT_FOUND, client.get, new_id())


@pytest.mark.parametrize("call", [
    lambda c: c.publish(lead(tenant_id="someone-else")),
    lambda c: c.get(new_id(), tenant_id="someone-else"),
    lambda c: c.subscribe(filter={"tenants": ["someone-else"]}),
    lambda c: c.subscribe(filter={"tenants": ["*"]}),
    lambda c: c.list(filter={"tenants": ["someone-else"]}),
    lambda c: c.list(filter={"tenants": ["*"]}),
], ids=["publish", "get", "subscribe", "subscribe *", "list", "list *"])
def test_another_tenants_data_is_denied(client, call):
    problem = refused(grpc.StatusCode.PERMISSION_DENIED, call, client)
    assert problem.info.reason


def test_the_own_tenant_may_be_named_in_a_filter(client):
    id = client.publish_one(note()).event_id
    filter = {"tenants": [client.tenant]}
    assert [d.event.id for d in client.history(filter=filter)] == [id]
    assert [e.event.id for e in client.list(filter=filter).events] == [id]


def test_with_the_flag_all_tenants_or_some_are_seen(open_node, new_client, tenant):
    names = [tenant + end for end in "abc"]
    clients = [new_client(open_node, name) for name in names]
    ids = [c.publish_one(note()).event_id for c in clients]
    first = clients[0]
    assert first.get(ids[1], tenant_id=names[1]).event.id == ids[1]
    two = {"tenants": names[:2]}
    assert [d.event.id for d in first.history(filter=two)] == ids[:2]
    assert [e.event.id for e in first.list(filter=two, oldest_first=True).events] == ids[:2]
    everybody = first.history(filter={"tenants": ["*"]})
    assert [d.event.id for d in everybody if d.event.tenant_id in names] == ids
    # Without a filter, still the own tenant only.
    assert [d.event.id for d in first.history()] == ids[:1]


def test_with_the_flag_positions_of_all_tenants_are_dense(open_node, new_client, tenant):
    clients = [new_client(open_node, f"{tenant}{n}") for n in range(4)]
    for _ in range(10):
        for client in clients:
            client.publish(note(), note())
    everybody = clients[0].history(filter={"tenants": ["*"]})
    positions = [d.event.position for d in everybody]
    assert positions == list(range(1, len(positions) + 1))


def test_with_the_flag_an_event_of_another_tenant_can_be_published(open_node, new_client, tenant):
    client = new_client(open_node, tenant)
    other = new_client(open_node, tenant + "b")
    id = client.publish_one(note(tenant_id=other.tenant)).event_id
    assert other.get(id).event.tenant_id == other.tenant
    refused(grpc.StatusCode.NOT_FOUND, client.get, id)


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.7:0"])
def test_serve_refuses_to_listen_beyond_loopback_without_insecure(data_dir, listen):
    result = run_apus("serve", "--listen", listen, "--data-dir", data_dir / "new", check=False)
    assert result.returncode in (1, 2)
    assert "--insecure" in result.stderr and "Apus listens" not in result.stdout
    assert not (data_dir / "new").exists(), "it is refused before anything is made"


def test_serve_listens_on_ipv6_loopback(start_node, new_client):
    node = start_node(listen="[::1]:0")
    assert new_client(node).publish_one(note()).position == 1
