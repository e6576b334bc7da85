"""Starts the real binary, as many times as a test wants."""

import contextlib
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile

import grpc
import psycopg

from stubs import TOP

BINARY = TOP / ".build" / "release" / "apus"
GRPCURL = TOP / ".build" / "venv" / "bin" / "grpcurl"
# A first start makes a database; a machine that is busy with other things takes its time.
START_PATIENCE = 60


class Node:
    """One `apus serve` process."""

    def __init__(self, *arguments, data_dir=None, environment=None, listen="127.0.0.1:0"):
        self.owns_data = data_dir is None and "--database" not in arguments
        self.data_dir = data_dir
        if self.owns_data:
            self.data_dir = new_data_dir()
        self.arguments = [str(a) for a in arguments]
        self.environment = {**os.environ, **(environment or {})}
        self.listen = listen
        self.process = None
        self.address = None
        self.log = tempfile.TemporaryFile("w+")
        self.start()

    def start(self):
        command = [str(BINARY), "serve", "--listen", self.listen, *self.arguments]
        if self.data_dir is not None:
            command += ["--data-dir", str(self.data_dir)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, text=True, env=self.environment
        )
        readable, _, _ = select.select([self.process.stdout], [], [], START_PATIENCE)
        line = self.process.stdout.readline() if readable else "(nothing)"
        if not line.startswith("Apus listens on "):
            self.process.kill()
            self.process.wait(START_PATIENCE)
            raise AssertionError(f"no ready line but {line!r}\n{self.read_log()}")
        self.ready_line = line.strip()
        self.address = line.split()[3].rstrip(";,")

    def read_log(self):
        self.log.seek(0)
        return self.log.read()

    # Its end

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)
        self.process.stdout.close()

    def stop(self, patience=60):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(patience)
        self.process.stdout.close()
        return code

    def close(self):
        if self.process.poll() is None:
            self.stop()
        self.log.close()
        if self.owns_data:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    # Its clients

    def channel(self, **options):
        return grpc.insecure_channel(self.address, options=list(options.items()))

    def apus(self, *arguments, check=True, input=None, tenant=None, timeout=60):
        """Runs a client command of the binary against this node."""
        command = [*arguments, "--address", self.address]
        if tenant:
            command += ["--tenant", tenant]
        return run_apus(*command, check=check, input=input, timeout=timeout)

    def grpcurl(self, *arguments, data=None, headers=(), check=True):
        command = [str(GRPCURL), "-plaintext"]
        for header in headers:
            command += ["-H", header]
        if data is not None:
            command += ["-d", data]
        result = subprocess.run(
            [*command, self.address, *arguments], capture_output=True, text=True, timeout=60
        )
        if check and result.returncode != 0:
            raise AssertionError(f"grpcurl exited {result.returncode}: {result.stderr}")
        return result

    # Its private Postgres

    @property
    def socket_dir(self):
        """Where the private Postgres listens: a folder inside the data folder."""
        (socket,) = pathlib.Path(self.data_dir).rglob(".s.PGSQL.*[0-9]")
        return socket.parent

    @property
    def database(self):
        """The private Postgres as a connection URI, for a second node or for psql."""
        return f"postgresql:///apus?host={self.socket_dir}&user=apus"

    @contextlib.contextmanager
    def sql(self):
        """A psycopg connection to the private Postgres."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            yield connection

    @property
    def postmaster(self):
        """Process id of the private Postgres; None while it is being replaced."""
        for file in pathlib.Path(self.data_dir).rglob("postmaster.pid"):
            with contextlib.suppress(FileNotFoundError, IndexError):
                return int(file.read_text().split()[0])
        return None


def run_apus(*arguments, check=True, input=None, timeout=60, environment=None):
    command = [str(BINARY), *[str(a) for a in arguments]]
    result = subprocess.run(
        command, capture_output=True, text=True, input=input, timeout=timeout,
        env={**os.environ, **(environment or {})},
    )
    if check and result.returncode != 0:
        raise AssertionError(f"{command} exited {result.returncode}: {result.stderr}")
    return result


def new_data_dir():
    # Not pytest's tmp_path: its parents are 0700, and root's Postgres runs as another user.
    path = tempfile.mkdtemp(prefix="apus-e2e-")
    os.chmod(path, 0o755)
    return path


def wait_for_end(pid, patience=30):
    """Waits until the process has ended, whoever its parent is."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        readable, _, _ = select.select([handle], [], [], patience)
        assert readable, f"process {pid} still runs after {patience} s"
    finally:
        os.close(handle)
