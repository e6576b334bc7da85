"""`make demo`: the story of an order goes as it says, and leaves nothing behind."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from nodes import new_data_dir
from stubs import TOP

PATIENCE = 240


@pytest.fixture(scope="module")
def told():
    """What the demo prints, without colours, and the folder that it worked in."""
    folder = new_data_dir()
    ended = subprocess.run(
        [TOP / ".ci" / "demo"], env={**os.environ, "TMPDIR": folder}, capture_output=True,
        text=True, timeout=PATIENCE)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    yield re.sub(r"\x1b\[\d*m", "", ended.stdout), pathlib.Path(folder)
    shutil.rmtree(folder, ignore_errors=True)


def test_the_story_is_told_from_the_order_to_its_rebuild(told):
    story = [
        r"503 not now: We have your order", r"200 to ann@example.org: We have your order",
        r"200 to ann@example.org: Your order 2026-42 is paid\. We got EUR 39\.98",
        *[r"500 not now: Your order 2026-42 is on its way"] * 3,
        r"handler/notification attempt 3: dead-lettered", r"apus dead-letters list",
        r"handler/notification  #\d+", r"to be handed out again: 1 event",
        r"200 to ann@example.org: Your order 2026-42 is on its way", r"status     processed",
        r"200 to ann@example.org: Your money", r"42 +\| refunded \| 39.98 \| 39.98 \| +39.98 \| t",
        r"MUG \| +8 \| +0 \| +2", r"--dry-run", r"planned, 4 events", r"notification: left out",
        r"completed, 4 events", r"order-analytics: 4 done, 0 failed of 4", r"The rows are the same",
        r"order-analytics  rebuilding", r"order-analytics  running", r"The rows are the same",
        r"healthy, version", r"Apus has ended",
    ]
    at = 0
    for line in story:
        found = re.compile(line).search(told[0], at)
        assert found, f"no {line!r} in what follows:\n{told[0][at:]}"
        at = found.end()
    # Nobody was told anything twice, nor by the replay.
    assert told[0].count("[receiver]") == 9 and "again to" not in told[0]


def test_nothing_is_left_behind(told):
    folder = told[1]
    assert list(folder.iterdir()) == []
    for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes()
        except OSError:
            continue
        assert str(folder).encode() not in command, command
