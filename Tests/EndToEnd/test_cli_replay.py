"""`apus replay` shows how far it is: a bar on a terminal, lines elsewhere."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from clients import Client
from events import lead
from nodes import BINARY

EVENTS = 12


@pytest.fixture
def replay(node, tenant):
    """The command that replays some events, slowly enough to be looked at."""
    with Client(node, tenant) as client:
        sent = client.publish(*[lead(str(n)) for n in range(EVENTS)])
        for result in sent:
            client.processed(result.event_id)
    return [
        str(BINARY), "replay", "--type", "lead.*", "--rate", "6", "--address", node.address,
        "--tenant", tenant,
    ]


def on_terminal(command, columns=80):
    """What a terminal of so many columns is sent, and the exit code."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:
            break  # Nobody has the other end any more.
        if not part:
            break
        shown += part
    os.close(master)
    return shown.decode(), process.wait(60)


def drawn(shown):
    """The lines that were drawn over one another."""
    return re.findall(r"\r\x1b\[K([^\r\n]*)", shown)


@pytest.mark.parametrize("columns", [80, 40])
def test_on_a_terminal_a_bar_fills(replay, columns):
    shown, code = on_terminal(replay, columns)
    assert code == 0
    bars = drawn(shown)
    assert len(bars) >= 2 and all(len(bar) < columns for bar in bars)
    counts = [int(re.search(r"(\d+) of 12", bar)[1]) for bar in bars]
    assert counts == sorted(counts) and counts[-1] == EVENTS
    assert bars[-1].startswith("[###") and "-" not in bars[-1] and "100 %" in bars[-1]
    # The answer stands below the bar.
    after = shown.rsplit("\x1b[K", 1)[1].split("\n", 1)[1]
    assert "completed" in after.lower() and "\x1b" not in after


def test_without_a_terminal_there_are_lines(replay):
    ended = subprocess.run([*replay, "--wait"], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0
    lines = ended.stderr.splitlines()
    assert len(lines) >= 2 and lines[-1] == "100 % · 12 of 12"
    assert all(re.fullmatch(r"\d+ % · \d+ of 12", line) for line in lines)
    assert "\x1b" not in ended.stderr + ended.stdout and "\r" not in ended.stderr
    assert "completed" in ended.stdout.lower()


def test_nobody_waits_who_does_not_want_to(replay):
    for command in ([*replay, "--no-wait"], [*replay, "--json"]):
        shown, code = on_terminal(command)
        assert code == 0 and drawn(shown) == []
    ended = subprocess.run(replay, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0 and ended.stderr == ""
    wrong = subprocess.run(
        [*replay, "--wait", "--no-wait"], capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 2 and "contradict" in wrong.stderr


def test_a_dry_run_has_nothing_to_wait_for(replay):
    shown, code = on_terminal([*replay, "--dry-run"])
    assert code == 0 and drawn(shown) == []


def test_list_shows_all_replays(node, tenant):
    with Client(node, tenant) as client:
        id = client.publish_one(lead("1")).event_id
        client.processed(id)
        # More than a page has unless it is asked for more.
        made = [client.replay([id]).replay_id for _ in range(51)]
    lines = node.apus("replay", "--list", "--json", tenant=tenant).stdout.splitlines()
    assert [json.loads(line)["replayId"] for line in lines] == made[::-1]
