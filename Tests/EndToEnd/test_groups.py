"""GroupService: groups are made, shown, changed, begun anew and deleted."""

import grpc
import pytest
from apus.v1 import event_kind_pb2, filter_pb2, group_service_pb2
from google.protobuf import timestamp_pb2

from clients import moment, seconds
from events import note
from groups import CONTINUE, HOLD, Groups, group
from problems import bad_fields, refused

Code = grpc.StatusCode


@pytest.fixture
def groups(client):
    made = Groups(client)
    yield made
    made.close()


def test_a_group_is_answered_with_its_defaults_and_an_empty_account(client, groups):
    head = client.publish_one(note()).position
    answer = groups.create("billing")
    assert answer == groups.get("billing")
    made = answer.group
    assert made.name == "billing" and made.WhichOneof("start") == "end"
    assert made.ordering == CONTINUE and made.max_attempts == 10
    assert made.ack_deadline == seconds(30)
    assert list(made.filter.tenants) == [client.tenant]
    assert answer.position >= head
    assert (answer.lag_events, answer.lag.ToMilliseconds()) == (0, 0)
    assert (answer.members, answer.in_flight, answer.dead_lettered) == (0, 0, 0)


def test_all_that_was_set_is_kept(client, groups):
    wanted = group(
        "billing", "order.*", "lead.**", ordering=HOLD, max_attempts=3, ack_deadline=0.25,
        since=moment(1_700_000_000, nanos=123_456_000),
    )
    wanted.filter.subject_prefix = "order/"
    wanted.filter.sources.extend(["shop", "web"])
    wanted.filter.kinds.append(event_kind_pb2.EVENT_KIND_DOMAIN)
    request = group_service_pb2.CreateGroupRequest(group=wanted)
    groups.call(groups.groups, "CreateGroup", request)
    wanted.filter.tenants.append(client.tenant)
    assert groups.get("billing").group == wanted


@pytest.mark.parametrize("start", [
    {"beginning": True}, {"end": True}, {"after_position": 0}, {"since": moment(1)},
], ids=lambda start: next(iter(start)))
def test_each_start_is_kept(client, groups, start):
    client.publish_one(note())
    assert groups.create("g", **start).group.WhichOneof("start") == next(iter(start))


def test_the_lag_counts_what_is_beyond_the_position(client, groups):
    first = client.publish_one(note()).position
    groups.create("g", after_position=first - 1)
    last = client.publish_one(note()).position
    answer = groups.get("g")
    assert answer.position == first - 1
    assert answer.lag_events >= last - first + 1
    assert answer.lag.ToNanoseconds() > 0


def test_the_same_group_again_is_ok_and_another_of_its_name_is_not(client, groups):
    since = timestamp_pb2.Timestamp(seconds=1_700_000_000, nanos=123_456_789)
    settings = {"max_attempts": 4, "ack_deadline": 1.5, "since": since}
    first = groups.create("g", "lead.*", **settings)
    client.publish_one(note())
    again = groups.create("g", "lead.*", **settings)
    assert again.group == first.group and again.position == first.position
    for other in ({**settings, "max_attempts": 5}, {**settings, "since": moment(5)}):
        problem = refused(Code.ALREADY_EXISTS, groups.create, "g", "lead.*", **other)
        assert problem.resource.resource_type == "group"
        assert problem.resource.resource_name == "g"
    refused(Code.ALREADY_EXISTS, groups.create, "g", "lead.**", **settings)
    assert groups.get("g").group == first.group


@pytest.mark.parametrize("fields, named", [
    ({"name": ""}, "group.name"),
    ({"name": "a b"}, "group.name"),
    ({"name": "x" * 65}, "group.name"),
    ({"filter": filter_pb2.Filter(types=["X"])}, "group.filter.types[0]"),
    ({"filter": filter_pb2.Filter(sources=["x" * 513])}, "group.filter.sources[0]"),
    ({"after_position": 2**53}, "group.after_position"),
    ({"since": moment(0, nanos=-1)}, "group.since"),
    ({"ordering": 7}, "group.ordering"),
    ({"max_attempts": 1001}, "group.max_attempts"),
    ({"ack_deadline": 0.05}, "group.ack_deadline"),
    ({"ack_deadline": 43_201}, "group.ack_deadline"),
    ({"ack_deadline": -1}, "group.ack_deadline"),
], ids=str)
def test_a_wrong_field_is_named(groups, fields, named):
    assert bad_fields(groups.create, **{"name": "g", **fields}) == [named]


def test_each_wrong_field_is_named(groups):
    wrong = {"name": "a b", "filter": filter_pb2.Filter(types=["X"]), "ordering": 7,
             "after_position": 2**53}
    named = ["name", "filter.types[0]", "after_position", "ordering"]
    assert bad_fields(groups.create, **wrong) == [f"group.{field}" for field in named]


def test_a_start_beyond_the_head_is_out_of_range(client, groups):
    problem = refused(Code.OUT_OF_RANGE, groups.create, "g", after_position=2**52)
    assert problem.info.reason == "POSITION_BEYOND_HEAD"
    groups.create("g")
    refused(Code.OUT_OF_RANGE, groups.reset, "g", after_position=2**52)


def test_a_mask_may_repeat_itself_but_not_for_ever(groups):
    groups.create("g")
    paths = ["max_attempts", "ordering"] * 50
    assert groups.update(group("g", max_attempts=2), *paths).group.max_attempts == 2
    assert bad_fields(groups.update, group("g"), *paths, "ordering") == ["update_mask"]


def test_a_group_belongs_to_its_tenant(node, client, new_client, groups):
    groups.create("g")
    other = Groups(new_client(node, client.tenant + "b"))
    for call in (other.get, other.delete):
        problem = refused(Code.NOT_FOUND, call, "g")
        assert problem.resource.resource_type == "group"
        assert problem.resource.resource_name == "g"
    refused(Code.NOT_FOUND, other.reset, "g", end=True)
    refused(Code.NOT_FOUND, other.update, group("g", max_attempts=2))
    assert not other.list().groups
    assert other.create("g", max_attempts=2).group.max_attempts == 2
    assert groups.get("g").group.max_attempts == 10


def test_another_tenants_events_are_denied(groups):
    for tenants in (["*"], ["somebody"]):
        wanted = filter_pb2.Filter(tenants=tenants)
        refused(Code.PERMISSION_DENIED, groups.create, "g", filter=wanted)


def test_groups_are_listed_by_name_and_page(groups):
    names = ["a", "b.c", "b-d", "e_f", "g"]
    for name in names:
        groups.create(name)
    found, token = [], ""
    while True:
        page = groups.list(page_size=2, page_token=token)
        assert 1 <= len(page.groups) <= 2
        found += [g.group.name for g in page.groups]
        token = page.next_page_token
        if not token:
            break
    assert found == sorted(names)
    assert [g.group.name for g in groups.list().groups] == found
    assert bad_fields(groups.list, page_token="no such?") == ["page_token"]
    assert bad_fields(groups.list, page_size=1001) == ["page_size"]


def test_long_filters_make_short_pages(client, groups):
    """Every answer stays under 3 MiB."""
    sources = ["s" * 509 + f"{n:03}" for n in range(100)]
    types = [f"{'t' * 190}.t{n}" for n in range(100)]
    for n in range(40):
        groups.create(f"g{n:02}", filter=filter_pb2.Filter(types=types, sources=sources))
    found, token = [], ""
    while True:
        page = groups.list(page_size=1000, page_token=token)
        assert page.ByteSize() < 3 << 20
        found += [g.group.name for g in page.groups]
        token = page.next_page_token
        if not token:
            break
    assert found == [f"g{n:02}" for n in range(40)]


# Changing


def test_an_update_changes_what_is_set_and_leaves_the_rest(client, groups):
    before = groups.create("g", "lead.*", max_attempts=3, ack_deadline=5)
    after = groups.update(group("g", ordering=HOLD)).group
    assert after.ordering == HOLD
    assert (after.max_attempts, after.ack_deadline) == (3, seconds(5))
    assert after.filter == before.group.filter
    assert groups.update(group("g", "order.*")).group.filter.types == ["order.*"]
    assert groups.get("g").position == before.position


def test_an_update_with_a_mask_takes_what_the_mask_names(groups):
    groups.create("g", "lead.*", max_attempts=3, ack_deadline=5, ordering=HOLD)
    after = groups.update(group("g", max_attempts=7, ordering=CONTINUE), "max_attempts").group
    assert (after.max_attempts, after.ordering) == (7, HOLD)
    after = groups.update(group("g"), "filter", "ack_deadline", "max_attempts").group
    assert (after.max_attempts, after.ack_deadline) == (10, seconds(30))
    assert not after.filter.types and after.ordering == HOLD


def test_what_was_asked_for_may_be_changed_and_sent_back_whole(groups):
    changed = groups.create("g", "lead.*", since=moment(5)).group
    changed.max_attempts = 9
    assert groups.update(changed).group == changed


def test_where_a_group_begins_is_not_updated(groups):
    groups.create("g", beginning=True)
    assert bad_fields(groups.update, group("g", end=True)) == ["group.start"]
    for path in ("start", "beginning", "name", "nonsense"):
        assert bad_fields(groups.update, group("g", end=True), path) == ["update_mask"]
    assert bad_fields(groups.update, group("g", ack_deadline=0.05)) == ["group.ack_deadline"]
    assert bad_fields(groups.update, group("")) == ["group.name"]
    refused(Code.NOT_FOUND, groups.update, group("nobody", max_attempts=2))


def test_a_reset_moves_the_position_and_is_remembered(client, groups):
    first = client.publish_one(note()).position
    groups.create("g", beginning=True)
    answer = groups.reset("g", end=True)
    assert answer.position >= first and answer.group.WhichOneof("start") == "end"
    answer = groups.reset("g", after_position=first - 1)
    assert answer.position == first - 1 and answer.group.after_position == first - 1
    stored = client.get(client.publish_one(note()).event_id).event
    assert groups.reset("g", since=stored.recorded_at).position == stored.position - 1
    assert groups.get("g").group.since == stored.recorded_at
    assert groups.reset("g", beginning=True).position == 0


@pytest.mark.parametrize("fields, named", [
    ({}, "start"), ({"since": moment(0, nanos=-1)}, "since"),
    ({"after_position": 2**53}, "after_position"),
], ids=str)
def test_a_reset_says_where_to(groups, fields, named):
    groups.create("g")
    assert bad_fields(groups.reset, "g", **fields) == [named]
    assert bad_fields(groups.reset, "", end=True) == ["name"]


def test_a_deleted_group_is_gone_and_its_name_free(client, groups):
    groups.create("g", beginning=True, max_attempts=3)
    groups.delete("g")
    refused(Code.NOT_FOUND, groups.get, "g")
    refused(Code.NOT_FOUND, groups.delete, "g")
    assert not groups.list().groups
    head = client.publish_one(note()).position
    made = groups.create("g")
    assert made.position >= head and made.group.max_attempts == 10


def test_groups_outlive_their_node(start_node, new_client):
    node = start_node()
    made = Groups(new_client(node, "acme")).create("g", "lead.*", max_attempts=3)
    node.kill()
    node.start()
    assert Groups(new_client(node, "acme")).get("g").group == made.group


def test_nodes_of_one_database_share_groups(start_node, new_client):
    one = start_node()
    two = start_node("--database", one.database)
    first, second = (Groups(new_client(node, "acme")) for node in (one, two))
    made = first.create("g", max_attempts=3)
    assert second.get("g") == made
    second.update(group("g", max_attempts=4))
    assert first.get("g").group.max_attempts == 4
    second.delete("g")
    refused(Code.NOT_FOUND, first.get, "g")


# What members are refused


def test_a_member_names_an_existing_group_and_leaves_the_rest_empty(client, groups):
    problem = refused(Code.NOT_FOUND, client.subscribe, group="nobody")
    assert problem.resource.resource_name == "nobody"
    groups.create("g")
    assert bad_fields(client.subscribe, "lead.*", group="g") == ["filter"]
    assert bad_fields(client.subscribe, group="g", beginning=True) == ["beginning"]
    assert bad_fields(client.subscribe, group="g", cursor=b"x") == ["cursor"]
    assert bad_fields(client.subscribe, group="g", max_in_flight=10_001) == ["max_in_flight"]
    assert bad_fields(client.subscribe, group="no such?") == ["group"]
    assert bad_fields(client.subscribe, group="g", heartbeat=-1) == ["heartbeat_interval"]
    fields = bad_fields(client.subscribe, "lead.*", group="g", end=True, max_in_flight=10_001)
    assert fields == ["filter", "end", "max_in_flight"]
