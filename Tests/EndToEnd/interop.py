"""gRPC's interop suite: Python's stubs for it, and our two programs that speak it."""

import pathlib
import re
import select
import shutil
import subprocess
import sys

import grpc

from stubs import TOP

BUILT = TOP / ".build" / "debug"
STUBS = TOP / ".build" / "python-interop"
SOURCES = pathlib.Path("/usr/share/grpc-proto/grpc/testing")
PATIENCE = 60


def generate():
    """Under a name of its own: the package `grpc` is Python's gRPC itself."""
    from grpc_tools import protoc

    shutil.rmtree(STUBS, ignore_errors=True)
    folder = STUBS / "interop_stubs"
    folder.mkdir(parents=True)
    for name in ("empty", "messages", "test"):
        text = (SOURCES / f"{name}.proto").read_text()
        (folder / f"{name}.proto").write_text(text.replace('"grpc/testing/', '"interop_stubs/'))
    code = protoc.main([
        "protoc", f"-I{STUBS}", f"--python_out={STUBS}", f"--grpc_python_out={STUBS}",
        *map(str, sorted(folder.glob("*.proto"))),
    ])
    assert code == 0, "protoc failed"


generate()
sys.path.insert(0, str(STUBS))

SERVICE = "/grpc.testing.TestService/"
ECHO_INITIAL = "x-grpc-test-echo-initial"
ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"


class InteropServer:
    """One `interop-server` process."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [str(BUILT / "interop-server"), "--port", "0", *map(str, arguments)],
            stdout=subprocess.PIPE, text=True,
        )
        readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if readable else "(nothing)"
        found = re.fullmatch(r"interop-server listens on (\S+)\n", line)
        assert found, f"no ready line but {line!r}"
        self.address = found[1]

    def channel(self, credentials=None):
        if credentials is None:
            return grpc.insecure_channel(self.address)
        return grpc.secure_channel(self.address, credentials)

    def close(self):
        self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


def run_client(address, *arguments):
    """Runs every case of `interop-client`; what it printed."""
    host, port = address.rsplit(":", 1)
    result = subprocess.run(
        [str(BUILT / "interop-client"), "--host", host, "--port", port, *map(str, arguments)],
        capture_output=True, text=True, timeout=240,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
