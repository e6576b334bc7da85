"""How groups get on, in `GET /metrics` of the one node that counts them."""

import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

import clients
from events import note
from groups import DEAD_LETTER, Groups

FIGURES = ["in_flight", "lag_events", "lag_seconds", "members", "open_dead_letters"]


def shown(node):
    """(group, tenant) → its figures by name."""
    text = subprocess.run(
        ["curl", "-sS", "--fail", "--http2-prior-knowledge", "-m", "30",
         f"http://{node.address}/metrics"], capture_output=True, text=True, check=True,
    ).stdout
    found = {}
    for family in text_string_to_metric_families(text):
        name = family.name.removeprefix("apus_group_")
        if name in FIGURES:
            assert family.type == "gauge" and family.documentation and family.samples
            for sample in family.samples:
                assert set(sample.labels) == {"group", "tenant"}
                key = (sample.labels["group"], sample.labels["tenant"])
                found.setdefault(key, {})[name] = sample.value
    return found


def eventually(probe, what):
    """Counted every ten seconds, also on a busy machine."""
    return clients.eventually(probe, what, patience=60, pause=0.2)


@pytest.fixture
def own(start_node, new_client):
    node = start_node()
    client = new_client(node, "acme")
    groups = Groups(client)
    yield node, client, groups
    groups.close()


def test_a_group_is_shown_while_it_is_there(own):
    node, client, groups = own
    groups.create("mail", beginning=True)
    groups.create("idle", beginning=True)
    client.publish(*[note(subject=f"s{n}") for n in range(3)])
    member = groups.join("mail")
    taken = member.take(3)
    assert member.answer(taken[0]) == []
    assert member.answer(taken[1], action=DEAD_LETTER) == []
    mail, idle = ("mail", client.tenant), ("idle", client.tenant)

    def counted():
        found = shown(node)
        return found if found.get(mail, {}).get("open_dead_letters") == 1 else None

    found = eventually(counted, "the group's figures")
    assert set(found) == {mail, idle}
    assert all(sorted(figures) == FIGURES for figures in found.values())
    assert found[mail]["members"] == 1 and found[mail]["in_flight"] == 1
    assert found[mail]["lag_seconds"] > 0
    assert found[idle]["lag_events"] >= 3 and found[idle]["members"] == 0

    groups.delete("mail")
    eventually(lambda: set(shown(node)) == {idle}, "the deleted group is gone")


def test_one_node_of_several_shows_groups(own, start_node):
    node, client, groups = own
    groups.create("mail")
    other = start_node("--database", node.database)
    mine = ("mail", client.tenant)
    eventually(lambda: mine in shown(node), "the first node shows the group")
    assert shown(other) == {}
    with node.sql() as sql:
        sql.execute(
            "update apus.leases set holder = 'another', expires_at = now() + interval '1 hour'"
            " where name = 'group-gauges'"
        )
    eventually(lambda: shown(node) == {}, "the first node has heard of another")
    assert shown(other) == {}
