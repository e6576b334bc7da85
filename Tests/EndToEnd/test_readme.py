"""README.md and `apus --help` say the same."""

import re

import pytest

from nodes import run_apus
from stubs import TOP
from test_cli import COMMANDS

README = (TOP / "README.md").read_text()
# Flags of other programs in README's examples.
FOREIGN = {"python_out", "grpc_python_out", "http2-prior-knowledge", "seed"}


def flags(command):
    """What the help says of each flag, by name."""
    found, name = {}, None
    for line in run_apus(command, "--help").stdout.split("environment):\n")[1].splitlines():
        if flag := re.match(r"  --([\w-]+).*?  +(?=\S)(.*)", line):
            name, text = flag.groups()
            found[name] = text
        else:
            found[name] += " " + line.strip()
    return found


def default(text):
    found = re.search(r"\bdefault:? ((?:[^.;,]|\.(?=\d))+)", text)
    return found[1] if found else ""


def test_every_flag_of_serve_is_in_the_readme():
    missing = [name for name in flags("serve") if not re.search(rf"--{name}(?![\w-])", README)]
    assert missing == ["help"] or missing == []


def test_every_flag_in_the_readme_is_one():
    known = FOREIGN.union(*[flags(command) for command in COMMANDS])
    assert set(re.findall(r"--([a-z][\w-]*\w)", README)) <= known


def test_the_readme_has_the_right_defaults():
    told = {name: default(text) for name, text in flags("serve").items()}
    rows = re.findall(r"^\| `--([\w-]+)[^`|]*` \| ([^|]*?) ?\| [^|]+ \|$", README, re.M)
    assert len(rows) > 30
    assert {name: given for name, given in rows} == {name: told[name] for name, _ in rows}
