"""A Postgres of the torture's own, which no node owns: it is killed, restarted and starved of disk."""

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import psycopg

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")
START_PATIENCE = 60


class Database:
    """One cluster with fsync on, reachable on a loopback port."""

    def __init__(self, megabytes):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="apus-torture-"))
        os.chmod(self.top, 0o755)
        self.owner = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        # A volume of its own can be filled up; only root may make one.
        self.has_volume = os.getuid() == 0
        volume = self.top / "volume"
        volume.mkdir()
        if self.has_volume:
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", volume],
                check=True,
            )
        self.folder = volume / "data"
        self.filler = volume / "filler"
        shutil.chown(volume, self.owner)
        self.port = free_port()
        self.process = None
        self.log = (self.top / "postgres.log").open("w+b")
        self.run(
            "initdb", "-D", self.folder, "-k", "--locale=C.UTF-8", "-E", "UTF8", "-U", "apus",
            "--auth=trust",
        )
        self.start()
        with self.sql("postgres") as sql:
            sql.execute("create database apus")

    def run(self, program, *arguments):
        subprocess.run(
            [PROGRAMS / program, *arguments], check=True, cwd="/", stdout=self.log,
            stderr=self.log, **self.identity,
        )

    @property
    def identity(self):
        return {"user": self.owner} if os.getuid() == 0 else {}

    def start(self):
        """After a crash it may take some tries: the old one's shared memory goes last."""
        deadline = time.monotonic() + START_PATIENCE
        while True:
            self.process = subprocess.Popen(
                [
                    PROGRAMS / "postgres", "-D", self.folder, "-c", "listen_addresses=127.0.0.1",
                    "-p", str(self.port), "-c", "unix_socket_directories=", "-c",
                    "max_wal_size=64MB", "-c", "min_wal_size=32MB", "-c", "max_connections=100",
                ],
                cwd="/", stdout=self.log, stderr=self.log, start_new_session=True, **self.identity,
            )
            if self.accepts(deadline):
                return
            assert time.monotonic() < deadline, f"Postgres does not start: {self.top}"
            time.sleep(0.2)

    def accepts(self, deadline):
        """Waits for the server's first session; false when it ended before."""
        while self.process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError), self.sql("postgres"):
                return True
            assert time.monotonic() < deadline, f"Postgres does not start: {self.top}"
            time.sleep(0.05)
        return False

    def crash(self, number=signal.SIGKILL):
        """SIGKILL takes the postmaster alone, SIGQUIT is the immediate mode of pg_ctl."""
        self.process.send_signal(number)
        self.process.wait(30)

    def uri(self, port):
        return f"postgresql://apus@127.0.0.1:{port}/apus?sslmode=disable"

    def sql(self, name="apus"):
        return psycopg.connect(
            f"host=127.0.0.1 port={self.port} user=apus dbname={name} connect_timeout=5",
            autocommit=True,
        )

    def fill(self):
        """Takes all room that is left on the volume."""
        with contextlib.suppress(OSError), self.filler.open("wb") as file:
            while True:
                file.write(bytes(64 << 10))
                file.flush()

    def free(self):
        """As an operator does: a server that found no room to recover has ended, and is started
        anew."""
        self.filler.unlink(missing_ok=True)
        if not self.accepts(time.monotonic() + START_PATIENCE):
            self.start()

    def close(self):
        if self.process.poll() is None:
            self.crash(signal.SIGINT)
        self.log.close()
        if self.has_volume:
            subprocess.run(["umount", "-l", self.top / "volume"], check=True)
        shutil.rmtree(self.top, ignore_errors=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
