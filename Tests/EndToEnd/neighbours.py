"""The example services of `examples/neighbours`, as processes with their switches."""

import json
import select
import subprocess
import sys

import grpc

from nodes import START_PATIENCE
from stubs import TOP

EXAMPLES = TOP / "examples" / "neighbours"


class Neighbour:
    """One service that runs: `mcp_engine` or `security_hub`."""

    def __init__(self, script, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / f"{script}.py"), "--port", "0", *arguments],
            stdout=subprocess.PIPE, text=True)
        readable, _, _ = select.select([self.process.stdout], [], [], START_PATIENCE)
        words = self.process.stdout.readline().split() if readable else []
        assert "listens" in words, f"{script} did not start"
        self.address = words[3].rstrip(",")
        self.switches = words[-1]
        self.channel = grpc.insecure_channel(self.switches)

    def switch(self, rpc_name, /, **arguments):
        rpc = self.channel.unary_unary(
            f"/neighbours.Switches/{rpc_name}", lambda x: json.dumps(x).encode(), json.loads)
        return rpc(arguments, timeout=30)

    def set(self, **rule):
        """What its next calls get; see `examples/neighbours/switches.py`."""
        self.switch("Set", **rule)

    def refuse(self):
        """Takes no connections until the next reset."""
        self.switch("Refuse")

    def reset(self):
        self.switch("Reset")

    def calls(self, *methods):
        """What it was asked since the last reset, in order."""
        calls = self.switch("Calls")["calls"]
        return [call for call in calls if not methods or call["method"] in methods]

    def close(self):
        self.channel.close()
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()
