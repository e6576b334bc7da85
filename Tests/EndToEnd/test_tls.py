"""TLS: who is let in, by which protocol, and what happens when certificates change."""

import contextlib
import hashlib
import re
import signal
import socket
import ssl
import subprocess

import grpc
import pytest

from certificates import Authority
from clients import PATIENCE, Client, eventually
from events import note
from nodes import Node, run_apus


class SecureNode:
    """A node's TLS address, for clients that trust one issuer."""

    def __init__(self, node, authority, identity=None):
        self.node = node
        self.address = re.search(r"([\w.:\[\]]+) \(TLS\)", node.ready_line).group(1)
        self.port = int(self.address.rsplit(":", 1)[1])
        self.authority = authority
        self.identity = identity

    def channel(self, **options):
        certificate, key = self.identity or (None, None)
        credentials = grpc.ssl_channel_credentials(
            root_certificates=self.authority.certificate.read_bytes(),
            private_key=key and key.read_bytes(),
            certificate_chain=certificate and certificate.read_bytes(),
        )
        return grpc.secure_channel(self.address, credentials, options=list(options.items()))

    def handshake(self, protocols=("h2",)):
        """A TLS socket, as Python's own client makes it; an early end is an error."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        if protocols:
            context.set_alpn_protocols(list(protocols))
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        try:
            return context.wrap_socket(
                plain, server_hostname="localhost", suppress_ragged_eofs=False
            )
        except Exception:
            plain.close()
            raise

    def s_client(self, *arguments):
        """OpenSSL's own client: whether it got through, and what it said."""
        result = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-CAfile",
             str(self.authority.certificate), "-verify_return_error", *arguments],
            input="", capture_output=True, text=True, errors="replace", timeout=PATIENCE,
        )
        return result.returncode == 0, result.stdout + result.stderr


def serve_tls(start_node, authority, *arguments, name="server"):
    certificate, key = authority.issue(name)
    node = start_node(
        "--listen-tls", "127.0.0.1:0", "--tls-certificate", certificate, "--tls-key", key,
        *arguments,
    )
    return SecureNode(node, authority)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module")
def secure(authority):
    """One node that asks for client certificates and does without."""
    nodes = []

    def start(*arguments):
        nodes.append(Node(*arguments))
        return nodes[0]

    yield serve_tls(
        start, authority, "--tls-client-ca", authority.certificate, "--tls-client-auth",
        "optional", "--log-level", "debug", name="shared",
    )
    nodes[0].close()


def expect_unavailable(node):
    with Client(node, "nobody") as client, pytest.raises(grpc.RpcError) as caught:
        client.publish_one(note())
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    return caught.value.details()


# Who is let in


def test_grpc_works_over_tls_and_in_plaintext_side_by_side(secure, tenant):
    with Client(secure, tenant) as one, Client(secure.node, tenant) as other:
        reading = other.live()
        sent = one.publish_one(note())
        assert reading.take_ids(1) == [sent.event_id]
        reading.cancel()


def test_a_client_that_trusts_somebody_else_is_not_let_down_quietly(secure, stranger):
    wrong = SecureNode(secure.node, stranger)
    assert "CERTIFICATE_VERIFY_FAILED" in expect_unavailable(wrong)


def test_a_client_certificate_is_taken_and_a_strangers_is_not(secure, authority, stranger, tenant):
    known = SecureNode(secure.node, authority, authority.issue("client"))
    with Client(known, tenant) as client:
        client.publish_one(note())
    expect_unavailable(SecureNode(secure.node, authority, stranger.issue("client")))


def test_where_client_certificates_are_required_nobody_comes_without(
    start_node, authority, stranger, tenant
):
    node = serve_tls(start_node, authority, "--tls-client-ca", authority.certificate)
    expect_unavailable(node)
    node.identity = stranger.issue("client")
    expect_unavailable(node)
    node.identity = authority.issue("client")
    with Client(node, tenant) as client:
        client.publish_one(note())


# Protocols


def test_curl_gets_healthz_over_tls(secure):
    result = subprocess.run(
        ["curl", "-sS", "--http2", "--cacert", str(secure.authority.certificate), "-w",
         "%{http_code} %{http_version}", "-m", "30", "-o", "/dev/null",
         f"https://{secure.address}/healthz"], capture_output=True, text=True,
    )
    assert (result.returncode, result.stdout) == (0, "200 2"), result.stderr


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_gets_through_with_h2(secure, version):
    works, said = secure.s_client("-alpn", "h2", version)
    assert works and "ALPN protocol: h2" in said, said


@pytest.mark.parametrize("arguments", [
    ["-alpn", "h2", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
    ["-alpn", "h2", "-tls1_2", "-cipher", "AES128-SHA"],
    ["-alpn", "h2", "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"],
])
def test_old_versions_and_weak_ciphers_are_refused(secure, arguments):
    works, said = secure.s_client(*arguments)
    assert not works
    assert re.search("alert (protocol version|handshake failure)", said), said


@pytest.mark.parametrize("protocols", [[], ["http/1.1"]])
def test_who_does_not_speak_h2_is_refused(secure, protocols):
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        secure.handshake(protocols).close()


def test_renegotiation_is_refused(secure):
    result = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", "-alpn", "h2", "-tls1_2",
         "-legacy_renegotiation"],
        input="R\n", capture_output=True, text=True, errors="replace", timeout=PATIENCE,
    )
    assert "RENEGOTIATING" in result.stdout + result.stderr
    assert "no renegotiation" in result.stderr, result.stderr


def test_a_flood_of_key_updates_is_cut_off(secure):
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", "-alpn", "h2"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as peer:
        updates = 0
        with contextlib.suppress(BrokenPipeError):
            while updates < 1000:
                peer.stdin.write(b"K\n")
                peer.stdin.flush()
                # One command at a time is all that it reads.
                while (line := peer.stdout.readline()) and b"KEYUPDATE" not in line:
                    pass
                if not line:
                    break
                updates += 1
        peer.kill()
        with contextlib.suppress(BrokenPipeError):
            peer.stdin.close()
    assert 64 <= updates < 1000
    eventually(lambda: "too many key updates" in secure.node.read_log(), "the reason in the log")


def test_a_plaintext_client_on_the_tls_port_is_cut_off(secure, tenant):
    with socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE) as plain:
        plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
        with contextlib.suppress(ConnectionError):
            while plain.recv(4096):
                pass
    with Client(secure, tenant) as client:
        client.publish_one(note())
    eventually(lambda: "wrong version number" in secure.node.read_log(), "the reason in the log")


def test_a_tls_client_on_the_plaintext_port_is_cut_off(node, client):
    port = int(node.address.rsplit(":", 1)[1])
    context = ssl.create_default_context()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(plain, server_hostname="localhost")
    client.publish_one(note())


def test_the_end_of_a_connection_is_said_within_tls(secure):
    with secure.handshake() as tls:
        tls.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(100))
        while tls.recv(4096):  # raises at an end that TLS didn't announce
            pass


def test_a_crowd_that_never_shakes_hands_holds_nobody_up(start_node, authority, tenant):
    secure = serve_tls(start_node, authority, "--max-handshakes", "20", "--loops", "1", name="crowd")
    crowd = [
        socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE) for _ in range(100)
    ]
    try:
        with Client(secure, tenant) as client:
            client.publish_one(note())
        for one in crowd[:80]:
            assert one.recv(1) == b""
    finally:
        for one in crowd:
            one.close()
    metrics = subprocess.run(
        ["curl", "-sS", "--http2-prior-knowledge", "-m", "30",
         f"http://{secure.node.address}/metrics"], capture_output=True, text=True,
    ).stdout
    hits = re.search(r'apus_grpc_limit_hits_total{limit="handshakes"} (\d+)', metrics)
    assert int(hits.group(1)) >= 80


# Certificates that change


def fingerprint(secure):
    with secure.handshake() as tls:
        return hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()


def test_a_hang_up_has_the_files_read_again_at_once(start_node, authority):
    secure = serve_tls(start_node, authority, name="hung up")
    before = secure.node.read_log().count("TLS files reloaded")
    for count in (1, 2):
        secure.node.process.send_signal(signal.SIGHUP)
        eventually(
            lambda: secure.node.read_log().count("TLS files reloaded") == before + count,
            "the files read again",
        )
    fingerprint(secure)


def test_a_new_certificate_is_shown_to_new_connections_and_old_ones_go_on(
    start_node, authority, tenant
):
    secure = serve_tls(start_node, authority, name="renewed")
    before = fingerprint(secure)
    with Client(secure, tenant) as client:
        reading = client.live()
        authority.issue("renewed")
        eventually(lambda: fingerprint(secure) != before, "the new certificate")
        sent = client.publish_one(note())
        assert reading.take_ids(1) == [sent.event_id]
        reading.cancel()
    with Client(secure, tenant) as client:
        client.publish_one(note())


def test_a_session_is_resumed_until_its_certificates_are_replaced(start_node, authority):
    secure = serve_tls(start_node, authority, "--tls-client-ca", authority.certificate, name="again")
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(*authority.issue("returning"))

    def come(session):
        plain = socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE)
        with context.wrap_socket(plain, server_hostname="localhost", session=session) as tls:
            tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
            assert tls.recv(4096)  # the server's SETTINGS come after its ticket
            return tls.session, tls.session_reused

    session, resumed = come(None)
    assert not resumed
    session, resumed = come(session)
    assert resumed
    authority.issue("again")
    eventually(lambda: "TLS files reloaded" in secure.node.read_log(), "the new certificate")
    assert not come(session)[1]


def test_a_certificate_that_cannot_be_used_changes_nothing(start_node, authority, tenant):
    secure = serve_tls(start_node, authority, name="broken")
    before = fingerprint(secure)
    (authority.folder / "broken.pem").write_text("nothing\n")
    eventually(lambda: "TLS files can't be used" in secure.node.read_log(), "a log record")
    assert fingerprint(secure) == before
    authority.issue("broken")
    eventually(lambda: fingerprint(secure) != before, "the new certificate")


# Starting


def test_files_that_cannot_be_used_are_named_with_their_flag(data_dir, authority):
    certificate, key = authority.issue("good")
    _, other = authority.issue("other")

    def refuse(*arguments, code=1):
        result = run_apus(
            "serve", "--data-dir", data_dir / "new", *arguments, check=False,
            environment={"APUS_LISTEN": "127.0.0.1:0"},
        )
        assert result.returncode == code and not (data_dir / "new").exists()
        return result.stderr

    tls = ["--listen-tls", "127.0.0.1:0", "--tls-certificate"]
    said = refuse(*tls, "/nowhere.pem", "--tls-key", key)
    assert "--tls-certificate" in said and "/nowhere.pem: No such file or directory" in said
    said = refuse(*tls, certificate, "--tls-key", other)
    assert "--tls-key" in said and f"{other}: key values mismatch" in said
    said = refuse(*tls, certificate, "--tls-key", key, "--tls-client-ca", key)
    assert "--tls-client-ca" in said and str(key) in said
    assert "--tls-key" in refuse(*tls, certificate, code=2)
    assert "--listen-tls" in refuse("--tls-key", key, code=2)
    assert "--tls-client-ca" in refuse(
        *tls, certificate, "--tls-key", key, "--tls-client-auth", "required", code=2
    )
    assert "no way in" in refuse("--listen", "none", code=2)


def test_beyond_loopback_clients_must_show_who_they_are(data_dir, authority):
    certificate, key = authority.issue("beyond")
    result = run_apus(
        "serve", "--listen", "none", "--listen-tls", "0.0.0.0:0", "--tls-certificate", certificate,
        "--tls-key", key, "--data-dir", data_dir, check=False,
    )
    assert result.returncode == 1 and "--insecure" in result.stderr


def test_tls_can_be_the_only_way_in(start_node, authority, tenant):
    certificate, key = authority.issue("only")
    node = start_node(
        "--listen-tls", "0.0.0.0:0", "--tls-certificate", certificate, "--tls-key", key,
        "--tls-client-ca", authority.certificate, listen="none",
    )
    secure = SecureNode(node, authority, authority.issue("client"))
    secure.address = secure.address.replace("0.0.0.0", "127.0.0.1")
    with Client(secure, tenant) as client:
        client.publish_one(note())


# The command line


def health(*arguments, check=True):
    return run_apus("health", *arguments, check=check, timeout=PATIENCE)


def test_the_command_line_speaks_tls(start_node, authority, stranger):
    secure = serve_tls(start_node, authority, "--tls-client-ca", authority.certificate, name="cli")
    certificate, key = authority.issue("me")
    me = ["--tls-client-certificate", certificate, "--tls-client-key", key]
    tls = ["--address", secure.address, "--tls", "--tls-ca", authority.certificate]
    assert health(*tls, *me).stdout.startswith("healthy")
    assert "certificate required" in health(*tls, "--timeout", "3s", check=False).stderr
    misnamed = health(*tls, *me, "--tls-server-name", "other.example", "--timeout", "3s",
                      check=False)
    assert "hostname mismatch" in misnamed.stderr
    distrusted = health(
        "--address", secure.address, "--tls", "--tls-ca", stranger.certificate, *me, "--timeout",
        "3s", check=False,
    )
    assert "unable to get local issuer certificate" in distrusted.stderr
    missing = health(*tls, "--tls-client-certificate", "/nowhere.pem", "--tls-client-key", key,
                     check=False)
    assert missing.returncode == 1 and "--tls-client-certificate" in missing.stderr
    half = health(*tls, "--tls-client-key", key, check=False)
    assert half.returncode == 2 and "go together" in half.stderr
    assert health("--tls-ca", "x.pem", check=False).returncode == 2
