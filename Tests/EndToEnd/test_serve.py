"""`apus serve`: its start, its end, its data directory and its private Postgres."""

import os
import pathlib
import signal
import stat
import subprocess

import psycopg
import pytest

from events import lead, note
from nodes import run_apus, wait_for_end


def test_the_ready_line_says_where_it_listens_and_where_its_data_is(node):
    assert node.address in node.ready_line
    assert str(node.data_dir) in node.ready_line


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_an_orderly_stop_exits_with_0_and_leaves_no_postgres_behind(start_node, new_client, how):
    node = start_node()
    new_client(node).publish(note())
    postmaster = node.postmaster
    node.process.send_signal(how)
    assert node.stop() == 0
    wait_for_end(postmaster)
    assert not list(pathlib.Path(node.data_dir).rglob("postmaster.pid"))
    assert "panic" not in node.read_log().lower()


def test_an_orderly_stop_does_not_wait_for_subscribers(start_node, new_client):
    node = start_node()
    reading = new_client(node).live(timeout=60)
    assert node.stop() == 0
    reading.cancel()


def test_a_restart_keeps_events_and_goes_on_with_positions(start_node, new_client):
    node = start_node()
    first = new_client(node, "acme").publish_one(lead())
    assert node.stop() == 0
    node.start()
    client = new_client(node, "acme")
    assert client.processed(first.event_id).event.position == first.position == 1
    assert client.publish_one(note()).position == 2


def test_a_second_serve_on_one_data_directory_is_refused_with_advice(node):
    result = run_apus(
        "serve", "--listen", "127.0.0.1:0", "--data-dir", node.data_dir, check=False
    )
    assert result.returncode == 1
    assert str(node.data_dir) in result.stderr
    assert "--data-dir" in result.stderr or "stop" in result.stderr.lower()
    assert node.process.poll() is None


def test_an_address_in_use_is_refused_and_leaves_no_postgres_behind(node, data_dir):
    result = run_apus("serve", "--listen", node.address, "--data-dir", data_dir, check=False)
    assert result.returncode == 1
    assert node.address in result.stderr and "in use" in result.stderr
    assert not list(data_dir.rglob("postmaster.pid"))


def test_a_data_directory_that_is_a_file_is_refused(data_dir):
    path = data_dir / "file"
    path.write_text("")
    result = run_apus("serve", "--listen", "127.0.0.1:0", "--data-dir", path, check=False)
    assert result.returncode == 1 and str(path) in result.stderr
    assert path.read_text() == ""


def test_a_data_directory_with_too_long_a_name_is_refused(data_dir):
    path = data_dir / ("x" * 120)
    result = run_apus("serve", "--listen", "127.0.0.1:0", "--data-dir", path, check=False)
    assert result.returncode == 1
    assert "--data-dir" in result.stderr or "shorter" in result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's Postgres runs as another user")
def test_a_data_directory_that_postgres_cannot_enter_is_refused(data_dir):
    path = data_dir / "private"
    path.mkdir(mode=0o700)
    result = run_apus("serve", "--listen", "127.0.0.1:0", "--data-dir", path / "data", check=False)
    assert result.returncode == 1
    assert str(path) in result.stderr and "postgres" in result.stderr


def test_a_data_directory_of_another_postgres_is_refused(start_node):
    node = start_node()
    assert node.stop() == 0
    (version,) = [
        p for p in pathlib.Path(node.data_dir).rglob("PG_VERSION") if p.parent.name != "base"
        and (p.parent / "global").is_dir()
    ]
    version.write_text("12\n")
    result = run_apus(
        "serve", "--listen", "127.0.0.1:0", "--data-dir", node.data_dir, check=False
    )
    assert result.returncode == 1
    assert "12" in result.stderr and "15" in result.stderr


def test_a_schema_newer_than_the_binary_is_refused(start_node):
    node = start_node()
    with node.sql() as sql:
        sql.execute(
            "insert into apus.migrations (name, checksum) values ('m9999_from_the_future', 'x')"
        )
    assert node.stop() == 0
    result = run_apus(
        "serve", "--listen", "127.0.0.1:0", "--data-dir", node.data_dir, check=False
    )
    assert result.returncode == 1
    assert "newer" in result.stderr


def test_a_database_that_is_not_there_is_said_readably(tmp_path):
    result = run_apus(
        "serve", "--listen", "127.0.0.1:0",
        "--database", f"postgresql:///apus?host={tmp_path}&user=apus&connect_timeout=2",
        check=False, timeout=120,
    )
    assert result.returncode == 1
    assert str(tmp_path) in result.stderr and len(result.stderr.splitlines()) < 20


# The private Postgres


def test_psql_connects_to_the_private_socket(node):
    result = subprocess.run(
        ["psql", "-XAt", node.database, "-c", "select current_user, current_setting('fsync'),"
         " current_setting('server_encoding'), current_setting('listen_addresses'),"
         " current_setting('data_checksums')"],
        capture_output=True, text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "apus|on|UTF8||on"


def test_what_psql_is_told_of_another_server_is_nothing_to_the_private_one(start_node, new_client):
    node = start_node(environment={
        "PGPORT": "1", "PGHOST": "nowhere.invalid", "PGUSER": "nobody", "PGDATABASE": "none",
        "PGTARGETSESSIONATTRS": "standby", "PGCHANNELBINDING": "require",
    })
    assert new_client(node).publish_one(note()).position == 1


def test_the_socket_is_in_the_data_directory_and_only_its_owner_may_enter(node):
    assert pathlib.Path(node.data_dir) in node.socket_dir.parents
    assert stat.S_IMODE(node.socket_dir.stat().st_mode) == 0o700


def test_the_schema_of_the_log_is_apus(node, client):
    client.publish(note())
    with node.sql() as sql:
        tables = {t for (t,) in sql.execute(
            "select table_name from information_schema.tables where table_schema = 'apus'"
        )}
    assert {"tenants", "types"} <= tables


def test_a_postgres_left_behind_is_adopted_or_ended(start_node, new_client):
    """A server whose Postgres outlived it, stopped in its tracks, still starts again."""
    node = start_node()
    first = new_client(node, "acme").publish_one(note())
    postmaster = node.postmaster
    os.kill(postmaster, signal.SIGSTOP)
    try:
        node.kill()
    finally:
        os.kill(postmaster, signal.SIGCONT)
    node.start()
    client = new_client(node, "acme")
    assert client.publish_one(note()).position == first.position + 1


def test_a_listening_database_error_names_no_password(tmp_path):
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"postgresql://apus:hunter2@/apus?host={tmp_path}")
    result = run_apus(
        "serve", "--listen", "127.0.0.1:0", "--database",
        f"postgresql://apus:hunter2@/apus?host={tmp_path}&connect_timeout=2",
        check=False, timeout=120,
    )
    assert result.returncode == 1 and "hunter2" not in result.stderr + result.stdout
