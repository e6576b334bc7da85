"""Events to publish, and the catalogue as a client finds it in the generated code."""

import importlib

from stubs import STUBS
from apus.v1 import event_options_pb2, event_pb2
from google.protobuf import message_factory


def import_all():
    for path in sorted((STUBS / "apus").rglob("*_pb2.py")):
        importlib.import_module(".".join(path.relative_to(STUBS).with_suffix("").parts))


def read_catalogue():
    """Event type → message class, by the option that every payload message bears."""
    import_all()
    catalogue = {}
    for path in sorted((STUBS / "apus" / "events").rglob("*_pb2.py")):
        module = importlib.import_module(".".join(path.relative_to(STUBS).with_suffix("").parts))
        for descriptor in module.DESCRIPTOR.message_types_by_name.values():
            options = descriptor.GetOptions()
            if options.HasExtension(event_options_pb2.event):
                told = options.Extensions[event_options_pb2.event]
                catalogue[told.type, told.version] = message_factory.GetMessageClass(descriptor)
    return catalogue


CATALOGUE = read_catalogue()


def payload(type, version=1, **fields):
    return CATALOGUE[type, version](**fields)


def event(data, **fields):
    """An event that says only what it must: its data, and what the test names."""
    made = event_pb2.Event(**fields)
    if data is not None:
        made.data.Pack(data)
    return made


def lead(lead_id="42", lead_source="manual", **fields):
    """A `lead.created`, the type that lead analytics handles."""
    return event(payload("lead.created", lead_id=lead_id, source=lead_source), **fields)


def note(text="hello", **fields):
    """A `chat.message.sent` of no conversation: an event that every handler declines."""
    return event(payload("chat.message.sent", message_id=text), **fields)


def unhandled(**fields):
    """An `integration.api_call`: an event of a type that no handler takes."""
    return event(payload("integration.api_call", api_name="crm"), **fields)
