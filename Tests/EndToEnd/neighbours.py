"""The example services of `examples/neighbours`, as processes with their switches, and the events
that lead to calls of them."""

import json
import select
import subprocess
import sys

import grpc
from apus.events.chat.v1 import conversation_events_pb2, message_events_pb2
from apus.v1 import lookup_pb2

from clients import eventually, new_id
from events import event
from nodes import START_PATIENCE
from stubs import TOP

EXAMPLES = TOP / "examples" / "neighbours"
ENGINE, HUB = "handler/mcp-engine", "handler/security-hub-audit"
# Codes that another attempt may mend, and those that would come again.
RETRIED = [
    "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "CANCELLED",
    "UNAUTHENTICATED",
]
PERMANENT = [code.name for code in grpc.StatusCode if code.name not in {"OK", *RETRIED}]


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
        # All that it was asked may be a lot.
        self.channel = grpc.insecure_channel(
            self.switches, options=[("grpc.max_receive_message_length", -1)])

    def switch(self, rpc_name, /, **arguments):
        rpc = self.channel.unary_unary(
            f"/neighbours.Switches/{rpc_name}", lambda x: json.dumps(x).encode(), json.loads)
        return rpc(arguments, timeout=30)

    def set(self, **rule):
        """What its next calls get; see `examples/neighbours/switches.py`."""
        self.switch("Set", **rule)

    def release(self):
        """Lets go on what a rule held."""
        self.switch("Release")

    def refuse(self):
        """Takes no connections until it is told to, or the next reset."""
        self.switch("Refuse")

    def accept(self):
        self.switch("Accept")

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


def received(text="Hello", conversation=None, **fields):
    """A user's message, by default the first of its conversation."""
    conversation = conversation or new_id()
    data = message_events_pb2.MessageReceived(
        message_id=new_id(), conversation_id=conversation, user_id="ann", channel="web",
        message_type="text")
    data.content.update({"text": text})
    return event(data, subject=f"conversation/{conversation}", **fields)


def ended(conversation, **fields):
    data = conversation_events_pb2.ConversationEnded(
        conversation_id=conversation, user_id="ann", channel="web")
    return event(data, subject=f"conversation/{conversation}", **fields)


def answer_to(client, id):
    """The engine's answer to a message, once it is published."""
    def found():
        for delivery in client.history("chat.message.sent"):
            if delivery.event.metadata.causation_id == id:
                return delivery.event
    return eventually(found, f"{id} is answered")


def failed(client, id, consumer):
    """The look-up of an event once the handler has given it up."""
    def found():
        answer = client.get(id)
        if answer.status != lookup_pb2.EVENT_STATUS_FAILED:
            return None
        return [d for d in answer.deliveries if d.consumer == consumer]
    return eventually(found, f"{id} is given up by {consumer}")
