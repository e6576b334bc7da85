"""A database is migrated while nodes of an earlier release work on it."""

import hashlib
import threading
import time
import uuid

import psycopg
import pytest

import servers
from nodes import run_apus
from stubs import TOP

SQL = TOP / "Sources" / "PostgresLog" / "SQL"
# What the first release was made of.
FIRST = ["m0001_log", "m0002_append", "m0101_handlers", "m0102_replays", "m0103_lead_analytics"]

# As nodes of that release call it, with two events of one subject.
APPEND = """
select * from apus.append(
    %(batch)s, '{2}', '{f}', '{}', '{}', '{}', '{}', %(ids)s::uuid[], '{1,1}', %(ids)s::uuid[],
    %(keys)s::uuid[], '{1,1}', '{1,1}', '{34,34}', '{now,now}', '{0,0}', '{crm,crm}',
    '{lead/1,lead/1}', '{null,null}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
    '{}', %(data)s::bytea[])
"""
READ = """
select h.head, h.earliest, e.position, e.recorded_at, e.id, e.subject, e.data
from (
    select max(a.last_position) as head,
        coalesce((select min(p.first_position) from apus.event_partitions p),
            max(a.last_position) + 1) as earliest
    from apus.appends a
) h
left join (
    select * from apus.events e where e.position > %(after)s order by e.position limit 100
) e on true
order by e.position
"""
PARTITIONS = """
select h.covered_through - (select max(a.last_position) from apus.appends a), h.partition_size
from apus.log_head h
"""


@pytest.fixture
def database():
    server = servers.Postgres().start().make_database()
    with psycopg.connect(server.uri(), autocommit=True) as sql:
        sql.execute((SQL / "migrations_prepare.sql").read_text())
        for name in FIRST:
            text = (SQL / f"{name}.sql").read_text()
            sql.execute(text)
            checksum = hashlib.md5(text.encode()).hexdigest()
            sql.execute("insert into apus.migrations values (%s, %s)", (name, checksum))
        sql.execute("update apus.log_head set partition_size = 500")
        sql.execute("select apus.open_epoch()")
        sql.execute("insert into apus.tenants (name) values ('acme')")
        sql.execute("insert into apus.types (name, version, message) values ('a.b', 1, 'x.Y')")
    yield server
    server.close()


class Load(threading.Thread):
    """Runs one statement again and again, each time timed."""

    def __init__(self, database, work):
        super().__init__()
        self.database, self.work = database, work
        self.stopping = threading.Event()
        self.rounds, self.longest, self.error = 0, 0.0, None

    def run(self):
        try:
            with psycopg.connect(self.database.uri(), autocommit=True) as sql:
                sql.prepare_threshold = 0
                while not self.stopping.is_set():
                    began = time.monotonic()
                    self.work(sql)
                    self.longest = max(self.longest, time.monotonic() - began)
                    self.rounds += 1
        except Exception as error:
            self.error = error

    def stop(self):
        self.stopping.set()
        self.join()
        assert self.error is None
        return self.rounds


def append(sql):
    ids = [str(uuid.uuid4()) for _ in range(2)]
    key = "5e5bd2a8-0f1c-3b7e-9a26-0d9f7d0c1c55"
    sql.execute(APPEND, {
        "batch": uuid.uuid4(), "ids": ids, "keys": [key, key], "data": [b"", b""]}).fetchall()


def upkeep(sql):
    left, size = sql.execute(PARTITIONS).fetchone()
    if left < size:
        (covered,) = sql.execute("select apus.add_events_partition()").fetchone()
        sql.execute(
            "update apus.log_head set covered_through = %s where covered_through < %s",
            (covered, covered))


def reader():
    after = 0

    def read(sql):
        nonlocal after
        rows = sql.execute(READ, {"after": after}).fetchall()
        positions = [row[2] for row in rows if row[2] is not None]
        assert positions == list(range(after + 1, after + 1 + len(positions)))
        after = positions[-1] if positions else after
    return read


def test_an_earlier_release_goes_on_beside_a_migration(database):
    loads = [Load(database, work) for work in (append, append, reader(), upkeep)]
    for load in loads:
        load.start()
    with psycopg.connect(database.uri()) as idle:
        # A session that keeps the tables in use holds up the migration, and nobody else.
        idle.execute("select count(*) from apus.events, apus.handlers, apus.log_epochs")
        release = threading.Timer(3, idle.commit)
        release.start()
        told = run_apus("migrate", "--database", database.uri())
        release.join()
    assert "applied m0110_checksum" in told.stdout
    before = loads[0].rounds
    while loads[0].rounds < before + 50 and loads[0].is_alive():
        time.sleep(0.01)
    for load in loads:
        assert load.stop() > 0
        # A statement waits behind a lock for half a second at most, and for its turn.
        assert load.longest < 3
    assert run_apus("migrate", "--database", database.uri()).stdout == "up to date\n"
    rows = database.execute(
        "select count(*), max(position), (select max(last_position) from apus.appends)"
        " from apus.events")
    assert len(set(rows[0])) == 1


def test_no_migration_changes_once_it_was_given_away():
    """A database that applied another text is refused for ever. `sha256sum` adds the lines of new ones."""
    listed = dict(
        reversed(line.split())
        for line in (TOP / "Tests" / "EndToEnd" / "migrations.sha256").read_text().splitlines())
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
             for path in SQL.glob("m[0-9]*.sql")}
    assert found == listed
