"""A Postgres that no node owns, for tests which kill nodes."""

import contextlib
import os
import pathlib
import shutil
import subprocess

import psycopg

from nodes import new_data_dir

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")


class Postgres:
    """One cluster, reachable through a socket in its folder; it flushes nothing."""

    def __init__(self):
        self.top = pathlib.Path(new_data_dir())
        if os.getuid() == 0:
            shutil.chown(self.top, "postgres")
        self.log = (self.top / "log").open("w+b")
        self.data = self.top / "data"
        self.run(
            "initdb", "-D", self.data, "-N", "--locale=C.UTF-8", "-E", "UTF8", "-U", "apus",
            "--auth=trust",
        )
        self.start()
        with psycopg.connect(self.uri("postgres"), autocommit=True) as sql:
            sql.execute("create database apus")

    def start(self):
        self.run(
            "pg_ctl", "-D", self.data, "-w", "-l", self.top / "server.log", "start", "-o",
            f"-c listen_addresses= -c unix_socket_directories={self.top} -c fsync=off",
        )

    def crash(self):
        """Every session ends at once, and nothing is written down."""
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def restore(self, other):
        """Takes over another's database, as pg_dump tells it."""
        dump = subprocess.run(
            [PROGRAMS / "pg_dump", other.uri()], check=True, capture_output=True, timeout=120
        ).stdout
        subprocess.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", self.uri()], check=True, input=dump,
            capture_output=True, timeout=120,
        )

    def run(self, program, *arguments):
        identity = {"user": "postgres"} if os.getuid() == 0 else {}
        subprocess.run(
            [PROGRAMS / program, *arguments], check=True, cwd="/", stdout=self.log,
            stderr=self.log, timeout=120, **identity,
        )

    def uri(self, name="apus", user="apus"):
        return f"postgresql:///{name}?host={self.top}&user={user}"

    @contextlib.contextmanager
    def sql(self):
        with psycopg.connect(self.uri(), autocommit=True) as connection:
            yield connection

    def close(self):
        self.crash()
        self.log.close()
        shutil.rmtree(self.top, ignore_errors=True)
