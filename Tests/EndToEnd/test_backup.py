"""A log that was restored keeps its promises, and tells who comes from what was lost."""

import os
import shutil
import tempfile

import grpc
import pytest

import servers
from clients import Client, eventually, new_id
from events import lead, note
from nodes import run_apus
from problems import refused


@pytest.fixture
def start_postgres():
    made = []

    def start(*settings, data=None):
        server = servers.Postgres(settings, data)
        made.append(server)
        return server

    yield start
    for server in made:
        server.close()


class Reader:
    """A subscriber that keeps the cursor of what it read last."""

    def __init__(self):
        self.cursor = None
        self.positions = []

    def read(self, client):
        start = {"cursor": self.cursor} if self.cursor else {"beginning": True}
        for delivery in client.history(**start):
            self.positions.append(delivery.event.position)
            self.cursor = delivery.cursor


def diverged(client, reader):
    problem = refused(grpc.StatusCode.OUT_OF_RANGE, client.history, cursor=reader.cursor)
    return problem.info.reason == "LOG_DIVERGED"


def after_a_restore(start_node, database, before, ahead):
    """What must hold of a log that was put back from position 25 to 20.

    `before`: a reader that had read up to 20; `ahead`: one that had read up to 25."""
    node = start_node("--database", database)
    with Client(node, "acme") as client:
        assert diverged(client, ahead)
        before.read(client)
        assert before.positions == list(range(1, 21))
        for n in range(10):
            assert client.publish_one(note(f"new {n}")).position == 21 + n
        # The new head is past it, and still it is of another history.
        assert diverged(client, ahead)
        before.read(client)
        assert before.positions == list(range(1, 31))
        client.processed(client.publish_one(lead()).event_id)
    assert run_apus("verify", "--database", database).stdout.endswith("all is well\n")
    assert node.stop() == 0


def fill(node, known):
    """Twenty events of which one has the id `known`; a reader that read them."""
    reader = Reader()
    with Client(node, "acme") as client:
        client.publish(lead(id=known), *[note(f"old {n}", subject="chat/1") for n in range(19)])
        client.processed(known)
        reader.read(client)
    return reader


def lose(node):
    """Five more events, and a reader that read those too."""
    reader = Reader()
    with Client(node, "acme") as client:
        client.publish(*[note(f"lost {n}") for n in range(5)])
        reader.read(client)
    assert reader.positions == list(range(1, 26))
    return reader


@pytest.mark.parametrize("place", ["a new server", "the same server", "the same database"])
def test_a_dump_is_restored_into(place, start_node, start_postgres):
    server = start_postgres().start().make_database()
    node = start_node("--database", server.uri())
    known = new_id()
    before = fill(node, known)
    dump = server.folder / "dump"
    servers.run("pg_dump", "-Fc", "-d", server.uri(), "-f", dump)
    ahead = lose(node)
    assert node.stop() == 0

    target, database = server, "apus"
    if place == "a new server":
        target = start_postgres().start().make_database()
    elif place == "the same server":
        database = "restored"
        target.make_database(database)
    else:
        server.execute("drop schema apus cascade")
    servers.run("pg_restore", "-d", target.uri(database), dump)
    after_a_restore(start_node, target.uri(database), before, ahead)

    node = start_node("--database", target.uri(database))
    with Client(node, "acme") as client:
        same = client.publish_one(lead(id=known))
        assert same.duplicate and same.position == 1


def test_a_moment_is_restored_from_a_base_backup_and_the_archived_log(start_node, start_postgres):
    archive = tempfile.mkdtemp(prefix="apus-wal-")
    os.chmod(archive, 0o777)
    server = start_postgres(
        "archive_mode=on", f"archive_command=cp %p {archive}/%f", "wal_level=replica").start()
    server.make_database()
    node = start_node("--database", server.uri())
    # The base backup is of an empty log; all of it comes from the archive.
    backup = server.folder / "backup"
    servers.run("pg_basebackup", "-d", server.uri("postgres"), "-D", backup, "-c", "fast")
    before = fill(node, new_id())
    server.execute("select pg_create_restore_point('good')")
    ahead = lose(node)
    server.execute("select pg_switch_wal()")
    assert node.stop() == 0
    server.stop()

    restored = start_postgres(
        f"restore_command=cp {archive}/%f %p", "recovery_target_name=good",
        "recovery_target_action=promote", data=backup)
    servers.run_plain("touch", restored.data / "recovery.signal")
    restored.start()
    eventually(lambda: restored.execute("select not pg_is_in_recovery()")[0][0], "it is promoted")
    after_a_restore(start_node, restored.uri(), before, ahead)
    shutil.rmtree(archive, ignore_errors=True)
