"""The configuration file: what is said of a wrong one, and what a running node does with a new one."""

import json
import re
import signal

import pytest
from apus.v1 import lookup_pb2

from clients import eventually
from events import lead
from nodes import run_apus
from stubs import TOP

WRONG = """\
handlers:
  lead-analytics:
    timeLimit: soon
    concurency: 4
  lead-analytics: {}
"""

FAULTS = [
    (3, 16, "handlers.lead-analytics.timeLimit", "must be a duration"),
    (4, 5, "handlers.lead-analytics.concurency", "is no key here"),
    (5, 3, "handlers.lead-analytics", "is given twice"),
]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "apus.yaml"


def test_check_names_every_fault_with_its_place(file):
    file.write_text(WRONG)
    result = run_apus("config", "check", file, check=False)
    assert result.returncode == 1 and result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == len(FAULTS) + 1
    for line, (row, column, key, message) in zip(lines, FAULTS):
        assert line.startswith(f"{file}:{row}:{column}: {key}: {message}")


def test_check_prints_json_for_programs(file):
    file.write_text(WRONG)
    result = run_apus("config", "check", file, "--json", check=False)
    assert result.returncode == 1
    faults = json.loads(result.stdout)["faults"]
    found = [(f["line"], f["column"], f["key"]) for f in faults]
    assert found == [fault[:3] for fault in FAULTS]
    file.write_text("")
    assert json.loads(run_apus("config", "check", file, "--json").stdout)["faults"] == []


def test_the_examples_of_the_readme_are_right(file):
    examples = re.findall(r"```yaml\n(.*?)```", (TOP / "README.md").read_text(), re.S)
    assert len(examples) >= 2
    for example in examples:
        file.write_text(example)
        assert "right" in run_apus("config", "check", file).stdout


@pytest.mark.parametrize("arguments", [["check"], ["test", "a.yaml"], ["check", "a", "b"]])
def test_wrong_usage_is_told_apart_from_a_wrong_file(arguments):
    assert run_apus("config", *arguments, check=False).returncode == 2


def test_serve_does_not_start_with_a_wrong_file(file, data_dir):
    file.write_text(WRONG)
    result = run_apus("serve", "--config", file, "--data-dir", data_dir, check=False)
    assert result.returncode == 1
    for row, column, key, _ in FAULTS:
        assert f"{file}:{row}:{column}: {key}: " in result.stderr
    assert not list(data_dir.iterdir())


def test_a_file_that_turns_wrong_is_told_and_the_old_one_stays(file, start_node):
    file.write_text("handlers:\n")
    node = start_node("--config", file)

    def hang_up_until(text):
        node.process.send_signal(signal.SIGHUP)
        eventually(lambda: text in node.read_log(), text)

    file.write_text(WRONG)
    hang_up_until("the old one stays in use")
    for row, column, key, _ in FAULTS:
        assert f"{file}:{row}:{column}: {key}: " in node.read_log()
    file.write_text("{ledger: failures, neighbours: {mcpEngine: {address: 'engine:1'}}}")
    hang_up_until("Configuration reloaded")
    for name in ["neighbours", "ledger"]:
        assert re.search(rf"counts after a restart.*name={name}", node.read_log())
    assert node.apus("health", "--json").returncode == 0


def test_a_handler_is_switched_off_and_on_under_a_running_node(file, start_node, new_client):
    def options(**of_leads):
        file.write_text(json.dumps({"handlers": {"lead-analytics": of_leads}}))

    def reload():
        reloads = node.read_log().count("Configuration reloaded")
        node.process.send_signal(signal.SIGHUP)
        eventually(lambda: node.read_log().count("Configuration reloaded") > reloads, "reloaded")

    options()
    node = start_node("--config", file)
    client = new_client(node, "acme")
    client.processed(client.publish_one(lead("1")).event_id)
    options(enabled=False)
    reload()
    eventually(lambda: "Handler has ended" in node.read_log(), "it has ended")
    id = client.publish_one(lead("2")).event_id
    assert client.get(id).status == lookup_pb2.EVENT_STATUS_PENDING
    options(concurrency=2)
    reload()
    client.processed(id)
    assert [d.consumer for d in client.get(id).deliveries] == ["handler/lead-analytics"]
    assert "counts after a restart" not in node.read_log()


def test_the_environment_may_name_the_file(file, data_dir):
    file.write_text("- no mapping")
    result = run_apus(
        "serve", "--data-dir", data_dir, check=False, environment={"APUS_CONFIG": str(file)}
    )
    assert result.returncode == 1 and f"{file}:1:1: must be a mapping" in result.stderr
