"""Postgres servers of the tests' own, as an operator would run them."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import psycopg

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")
# Postgres refuses to run as root.
AS_POSTGRES = (
    ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    if os.geteuid() == 0 else []
)


def run(program, *arguments):
    command = [*AS_POSTGRES, str(PROGRAMS / program), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=120)
    assert result.returncode == 0, f"{command}: {result.stderr}"
    return result.stdout


class Postgres:
    """One cluster with a database `apus`, reachable through a socket in its folder."""

    def __init__(self, settings=(), data=None):
        """`data`: a copy of another cluster's files to begin with."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="apus-pg-"))
        self.folder.chmod(0o777)
        self.data = self.folder / "data"
        self.settings = [f"unix_socket_directories={self.folder}", "listen_addresses=", *settings]
        if data is None:
            run("initdb", "-D", self.data, "-U", "apus", "--auth=trust", "-E", "UTF8",
                "--locale=C.UTF-8", "--no-sync")
        else:
            copy_files(data, self.data)

    def start(self):
        options = " ".join(f"-c '{setting}'" for setting in self.settings)
        run("pg_ctl", "-D", self.data, "-w", "-s", "-t", "100", "-l", self.folder / "log",
            "-o", options, "start")
        return self

    def stop(self, mode="fast"):
        run("pg_ctl", "-D", self.data, "-w", "-s", "-m", mode, "stop")

    def close(self):
        if (self.data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def uri(self, database="apus"):
        return f"postgresql:///{database}?host={self.folder}&user=apus"

    def execute(self, sql, database="apus"):
        with psycopg.connect(self.uri(database), autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else None

    def make_database(self, name="apus"):
        self.execute(f"create database {name}", "postgres")
        return self


def copy_files(source, target):
    subprocess.run([*AS_POSTGRES, "cp", "-a", source, target], check=True)
    (target / "postmaster.pid").unlink(missing_ok=True)


def run_plain(*command):
    """A program as the servers' user."""
    subprocess.run([*AS_POSTGRES, *map(str, command)], check=True, cwd="/")
