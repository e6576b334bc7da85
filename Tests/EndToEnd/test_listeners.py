"""The ways in: several at once, Unix sockets, and what happens when files run out."""

import os
import resource
import socket
import stat
import subprocess

import grpc
import pytest

from clients import PATIENCE, Client, eventually
from events import note
from nodes import run_apus


class UnixNode:
    """A node's Unix socket."""

    def __init__(self, path):
        self.path = path

    def channel(self, **options):
        return grpc.insecure_channel(f"unix:{self.path}", options=list(options.items()))


@pytest.fixture
def path(data_dir):
    return data_dir / "apus.sock"


def test_grpc_works_over_a_unix_socket_which_goes_with_the_node(start_node, path, tenant):
    node = start_node("--listen-unix", path)
    assert f"unix:{path}" in node.ready_line
    assert stat.S_ISSOCK(path.stat().st_mode)
    with Client(UnixNode(path), tenant) as one, Client(node, tenant) as other:
        sent = one.publish_one(note())
        assert other.processed(sent.event_id).event.position == sent.position
    assert node.stop() == 0
    assert not path.exists()


def test_curl_gets_healthz_over_a_unix_socket(start_node, path):
    start_node("--listen-unix", path, listen="none")
    result = subprocess.run(
        ["curl", "-sS", "--http2-prior-knowledge", "--unix-socket", str(path), "-m", "30", "-w",
         "%{http_code}", "-o", "/dev/null", "http://localhost/healthz"],
        capture_output=True, text=True,
    )
    assert (result.returncode, result.stdout) == (0, "200"), result.stderr


def test_the_command_line_reaches_a_unix_socket(start_node, path):
    start_node("--listen-unix", path)
    assert run_apus("health", "--address", f"unix:{path}").stdout.startswith("healthy")


def test_a_socket_that_a_killed_node_left_is_replaced(start_node, path, tenant):
    node = start_node("--listen-unix", path)
    node.kill()
    assert path.exists()
    node.start()
    with Client(UnixNode(path), tenant) as client:
        client.publish_one(note())


def test_a_socket_where_somebody_answers_is_left_alone(start_node, path, tenant):
    node = start_node("--listen-unix", path)
    result = run_apus(
        "serve", "--listen", "none", "--listen-unix", path, "--database", node.database,
        check=False,
    )
    assert result.returncode == 1 and str(path) in result.stderr
    with Client(UnixNode(path), tenant) as client:
        client.publish_one(note())


def test_out_of_files_new_connections_wait_and_nobody_else_suffers(start_node, new_client):
    # The crowd says nothing, and is to stay.
    node = start_node("--handshake-timeout", "600s")
    client = new_client(node, "acme")
    client.publish_one(note())
    used = max(int(fd) for fd in descriptors(node))
    resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE, (used + 60, used + 60))
    host, port = node.address.rsplit(":", 1)
    crowd = [socket.create_connection((host, int(port)), timeout=PATIENCE) for _ in range(100)]
    try:
        eventually(lambda: "Accepting connections pauses" in node.read_log(), "a pause")
        assert len(descriptors(node)) < used + 60, "nothing is left for others"
        before = cpu_seconds(node)
        for _ in range(200):
            client.publish_one(note())
        # Calls and database go on; a loop that spins would have used the whole time of a core.
        assert node.read_log().count("Accepting connections pauses") == 1
        assert cpu_seconds(node) - before < 5
    finally:
        for one in crowd:
            one.close()
    with Client(node, "acme") as late:
        late.publish_one(note())
    eventually(lambda: "Accepting connections goes on" in node.read_log(), "the end of the pause")
    metrics = subprocess.run(
        ["curl", "-sS", "--http2-prior-knowledge", "-m", "30", f"http://{node.address}/metrics"],
        capture_output=True, text=True,
    ).stdout
    # While the crowd leaves one by one, those that still wait may fill the place again.
    pauses = node.read_log().count("Accepting connections pauses")
    assert f'apus_grpc_limit_hits_total{{limit="open_files"}} {pauses}\n' in metrics


def descriptors(node):
    return os.listdir(f"/proc/{node.process.pid}/fd")


def cpu_seconds(node):
    with open(f"/proc/{node.process.pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
