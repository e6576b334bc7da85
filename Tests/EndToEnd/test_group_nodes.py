"""Groups on two nodes of one database: any node takes a member and a token; nodes come and go."""

import signal
import threading

import grpc
import pytest

from clients import PATIENCE
from events import note
from groups import RELEASE, RETRY, Groups, by_key, group, ids, published_until_delivered

Code = grpc.StatusCode
# A node that dies is taken for dead soon.
LEASE = ("--lease-time", "2s")


@pytest.fixture
def nodes(start_node):
    one = start_node(*LEASE)
    return one, start_node(*LEASE, "--database", one.database)


@pytest.fixture
def pair(nodes, new_client):
    """Groups of one tenant, seen from both nodes."""
    made = [Groups(new_client(node, "acme")) for node in nodes]
    yield made
    for groups in made:
        groups.close()


def published(groups, *names):
    return [r.event_id for r in groups.client.publish(*[note(subject=name) for name in names])]


def keys(count):
    return [f"key-{n}" for n in range(count)]


def work_until(member, id):
    """Acknowledges what comes until this event does."""
    while True:
        delivery = member.next()
        member.answer(delivery)
        if delivery.event.id == id:
            return delivery


def both_work(one, two, name, count=64):
    """Members on both nodes, once each has been handed something."""
    members = [one.join(name), two.join(name)]
    one.settled(name, members=2)
    had = [False, False]
    for _ in range(50):
        published(one, *keys(count))
        left = count
        while left:
            for index, member in enumerate(members):
                for delivery in member.waiting():
                    assert member.answer(delivery) == []
                    had[index] = True
                    left -= 1
            threading.Event().wait(0.005)
        if all(had):
            return members
    raise AssertionError(f"only one node's member was handed work: {had}")


def test_members_on_two_nodes_share_the_work_in_order(pair):
    one, two = pair
    one.create("g", beginning=True)
    members = both_work(one, two, "g")
    published(one, *keys(20) * 3)
    seen = []
    while len(seen) < 60:
        for member in members:
            for delivery in member.waiting():
                assert member.answer(delivery) == []
                seen.append(delivery)
        threading.Event().wait(0.005)
    assert all(d.attempt == 1 for d in seen)
    for positions in by_key(seen).values():
        assert positions == sorted(positions) and len(positions) == 3


def test_any_node_takes_a_token(pair):
    one, two = pair
    one.create("g", beginning=True)
    published(one, "a", "a", "b", "b")
    member = one.join("g")
    first = {d.event.subject: d for d in member.take(2)}
    # Said to the other node, heard by the one that holds the partition.
    member.groups = two
    assert member.answer(first["a"]) == []
    assert member.answer(first["b"], action=RETRY) == []
    later = {d.event.subject: d for d in member.take(2)}
    assert later["a"].event.position > first["a"].event.position
    assert (later["b"].event, later["b"].attempt) == (first["b"].event, 2)
    assert sorted(member.answer(*first.values())) == sorted(
        d.ack_token for d in first.values()
    )
    assert member.answer(later["b"], action=RELEASE) == []
    assert member.next().attempt == 2


def test_what_a_killed_node_had_goes_to_the_other(nodes, pair):
    one, two = pair
    two.create("g", beginning=True)
    holder = two.join("g")
    sent = published(one, *keys(8))
    held = holder.take(8)
    assert holder.answer(held[0]) == []
    member = one.join("g")
    one.settled("g", members=2)
    nodes[1].kill()
    got = member.take(7)
    assert sorted(ids(got)) == sorted(set(sent) - {held[0].event.id})
    assert {d.attempt for d in got} == {2}
    assert {d.delivery_id for d in got} < {d.delivery_id for d in held}
    member.groups = one
    assert member.answer(*got) == []
    assert one.acknowledge("g") == []
    one.settled("g", members=1, in_flight=0, lag_events=0)


def test_a_token_of_a_killed_node_counts_until_another_took_over(nodes, pair):
    one, two = pair
    two.create("g", beginning=True)
    holder = two.join("g")
    published(one, "a")
    held = holder.next()
    nodes[1].kill()
    holder.groups = one
    assert holder.answer(held) == []
    assert holder.answer(held) == [held.ack_token]
    member = one.join("g", until_caught_up=True)
    assert member.ended() == Code.OK and not member.waiting()
    one.settled("g", lag_events=0, in_flight=0)


def test_a_paused_node_that_wakes_up_acknowledges_nothing_of_others(nodes, pair):
    one, two = pair
    two.create("g", beginning=True, ack_deadline=600)
    holder = two.join("g")
    published(one, "a")
    held = holder.next()
    member = one.join("g")
    one.settled("g", members=2)
    nodes[1].process.send_signal(signal.SIGSTOP)
    try:
        again = member.next()
    finally:
        nodes[1].process.send_signal(signal.SIGCONT)
    assert (again.event, again.attempt) == (held.event, 2)
    assert holder.answer(held) == [held.ack_token]
    assert member.answer(again) == []
    one.settled("g", in_flight=0, lag_events=0)


def test_a_node_that_drains_hands_back_what_was_not_begun(nodes, pair):
    one, two = pair
    one.create("g", beginning=True)
    holder = two.join("g", max_in_flight=2)
    sent = published(one, *keys(10))
    held = holder.take(2)
    member = one.join("g")
    nodes[1].process.send_signal(signal.SIGTERM)
    assert holder.ended() == Code.UNAVAILABLE
    # What the member has may still be answered, on any node.
    holder.groups = one
    assert holder.answer(*held) == []
    got = member.work(8)
    assert sorted(ids(got)) == sorted(set(sent) - set(ids(held)))
    assert {d.attempt for d in got} == {1}
    assert nodes[1].process.wait(PATIENCE) == 0
    one.settled("g", members=1, in_flight=0, lag_events=0)


def test_a_restart_of_both_nodes_loses_nothing(nodes, pair, new_client):
    one, two = pair
    one.create("g", beginning=True, ack_deadline=600)
    sent = published(one, *keys(6))
    member = two.join("g")
    done = member.work(2)
    member.take(4)
    nodes[1].kill()
    nodes[0].kill()
    nodes[0].start()
    again = Groups(new_client(nodes[0], "acme"))
    got = again.join("g").work(4)
    assert sorted(ids(got) + ids(done)) == sorted(sent)
    assert {d.attempt for d in got} == {2}
    again.close()


def test_a_change_on_one_node_reaches_members_of_the_other(pair):
    one, two = pair
    one.create("g", "lead.*", beginning=True)
    member = two.join("g")
    one.settled("g", members=1)
    one.update(group("g", "chat.**"))
    first = published_until_delivered(member, lambda n: note(subject=f"k{n}"))
    assert member.answer(first) == []
    one.reset("g", beginning=True)
    again = work_until(member, first.event.id)
    assert again.attempt == 1 and again.delivery_id == first.delivery_id
    one.delete("g")
    assert member.ended() == Code.NOT_FOUND
