"""What every test may ask for: a node, a tenant of its own, a client."""

import os
import pathlib
import shutil

import pytest

import stubs  # noqa: F401  (first: it puts the generated code on the path)
from clients import Client
from nodes import Node, new_data_dir
from peer import Peer
from receivers import Receiver


@pytest.fixture
def start_node():
    """Starts nodes of a test's own and stops them after it."""
    nodes = []

    def start(*arguments, **options):
        node = Node(*arguments, **options)
        nodes.append(node)
        return node

    yield start
    for node in reversed(nodes):
        node.close()


@pytest.fixture(scope="session")
def shared_node():
    """One node for all tests that only need a server; each test uses a tenant of its own."""
    node = Node()
    yield node
    node.close()


@pytest.fixture
def node(shared_node):
    return shared_node


@pytest.fixture(scope="session")
def open_node():
    """A node whose callers may see every tenant."""
    node = Node("--insecure-all-tenants")
    yield node
    node.close()


@pytest.fixture
def data_dir():
    """A folder for a node that a test starts by hand."""
    path = new_data_dir()
    yield pathlib.Path(path)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def tenant(request):
    """A tenant that no other test uses."""
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in request.node.name)[:40]
    return f"{name}-{os.urandom(4).hex()}"


@pytest.fixture
def client(node, tenant):
    with Client(node, tenant) as made:
        yield made


@pytest.fixture
def new_client(request):
    """Makes more clients, closed after the test."""
    made = []

    def make(node, tenant=None, **options):
        client = Client(node, tenant, **options)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def peer(node):
    """A client of HTTP/2 that sends single frames."""
    with Peer(node) as made:
        yield made


@pytest.fixture
def held(node):
    """A peer whose windows are shut, so that its streams stay open."""
    with Peer(node, INITIAL_WINDOW_SIZE=0) as made:
        yield made


@pytest.fixture
def receive():
    """Starts HTTP servers that take webhooks, and ends them."""
    made = []

    def start(*arguments, **options):
        made.append(Receiver(*arguments, **options))
        return made[-1]

    yield start
    for receiver in made:
        receiver.close()
