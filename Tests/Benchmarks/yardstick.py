"""The yardstick every figure is a ratio to: binary COPY into one plain table.

1,000 rows a batch, one transaction a batch, one connection, fsync and synchronous_commit on, on the
Postgres that Apus itself uses. Rows: a time-ordered uuid, 50 tenants, 20 types, about 75 bytes of
metadata, 300 bytes of payload. The rows are encoded before the clock starts, so that the figure is
Postgres' and not Python's.
"""

import os
import struct
import time

import psycopg

ROWS_A_BATCH = 1000

TABLE = """
create table yardstick (
    position       bigint generated always as identity primary key,
    id             uuid not null unique,
    tenant_id      text not null,
    type           text not null,
    schema_version int not null,
    occurred_at    timestamptz not null,
    recorded_at    timestamptz not null default now(),
    metadata       jsonb not null,
    payload        bytea not null,
    status         text not null
);
create index on yardstick (tenant_id, type, position);
"""
COPY = (
    "copy yardstick (id, tenant_id, type, schema_version, occurred_at, metadata, payload, status)"
    " from stdin with (format binary)"
)
HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
TRAILER = struct.pack("!h", -1)
SECONDS_TO_2000 = 946_684_800


class Yardstick:
    """A table in a database of its own on the server that `conninfo` reaches."""

    def __init__(self, conninfo):
        with psycopg.connect(conninfo, autocommit=True) as admin:
            admin.execute("drop database if exists apus_yardstick")
            admin.execute("create database apus_yardstick")
        self.connection = psycopg.connect(conninfo, dbname="apus_yardstick", autocommit=True)
        self.connection.execute("set synchronous_commit = on")
        self.connection.execute(TABLE)
        for _ in range(3):
            self.measure(20)

    def measure(self, batches=60):
        """Durable rows a second."""
        encoded = [encode_batch() for _ in range(batches)]
        start = time.perf_counter()
        for batch in encoded:
            with self.connection.cursor() as cursor, cursor.copy(COPY) as copy:
                copy.write(batch)
        return batches * ROWS_A_BATCH / (time.perf_counter() - start)

    def close(self):
        self.connection.close()


def encode_batch():
    now = time.time()
    micros = int((now - SECONDS_TO_2000) * 1e6)
    rows = [HEADER]
    for row in range(ROWS_A_BATCH):
        metadata = b'\x01{"correlation_id": "%s", "request_id": "%s"}' % (
            os.urandom(8).hex().encode(),
            os.urandom(8).hex().encode(),
        )
        fields = (
            uuid7(now),
            b"tenant-%d" % (row % 50),
            b"order.type_%d" % (row % 20),
            struct.pack("!i", 1),
            struct.pack("!q", micros),
            metadata,
            os.urandom(300),
            b"pending",
        )
        rows.append(struct.pack("!h", len(fields)))
        rows += [struct.pack("!i", len(f)) + f for f in fields]
    rows.append(TRAILER)
    return b"".join(rows)


def uuid7(now):
    value = bytearray(int(now * 1000).to_bytes(6, "big") + os.urandom(10))
    value[6] = 0x70 | (value[6] & 0x0F)
    value[8] = 0x80 | (value[8] & 0x3F)
    return bytes(value)
