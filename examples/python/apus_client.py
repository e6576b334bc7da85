"""Publishes typed events to Apus from Python, with code that protoc generated and nothing else.

    from apus_client import Publisher, events

    with Publisher("127.0.0.1:50053", tenant="acme", source="crm") as apus:
        apus.publish(events.lead_created(lead_id="42", source="manual"))
"""

import importlib
import pathlib
import re
import uuid

import grpc
from apus.v1 import event_options_pb2, event_pb2, event_service_pb2_grpc, publish_pb2
from google.protobuf import message_factory


class Factories:
    """A function for each event type of the catalogue: `order.paid` → `order_paid(...)`.

    The schema's option `(apus.v1.event)` says which fields a caller must name, and the subject that
    keeps the events of one thing in order.
    """

    def __init__(self):
        import apus.events

        self.types = {}
        # A namespace package: the generated folders have no __init__.py.
        for folder in map(pathlib.Path, apus.events.__path__):
            for path in sorted(folder.rglob("*_pb2.py")):
                parts = path.relative_to(folder).with_suffix("").parts
                self._add(importlib.import_module(".".join(("apus", "events", *parts))))

    def _add(self, module):
        for descriptor in module.DESCRIPTOR.message_types_by_name.values():
            options = descriptor.GetOptions()
            if not options.HasExtension(event_options_pb2.event):
                continue
            told = options.Extensions[event_options_pb2.event]
            name = told.type.replace(".", "_")
            name += f"_v{told.version}" if told.version > 1 else ""
            self.types[told.type, told.version] = name
            setattr(self, name, self._factory(name, descriptor, told))

    @staticmethod
    def _factory(name, descriptor, told):
        payload = message_factory.GetMessageClass(descriptor)

        def make(**fields):
            missing = [field for field in told.required if field not in fields]
            if missing:
                raise TypeError(f"{name}() needs {', '.join(missing)}")
            # An id of our own: publishing again after a lost answer stores nothing twice.
            event = event_pb2.Event(
                id=str(uuid.uuid4()), type=told.type, version=told.version, kind=told.kind,
                subject=re.sub(r"{(\w+)}", lambda field: str(fields[field[1]]), told.subject),
            )
            event.data.Pack(payload(**fields))
            return event

        make.__name__ = name
        make.__doc__ = f"An event `{told.type}` of version {told.version}."
        return make


events = Factories()


class Publisher:
    """One service's publishes for one tenant, over one channel."""

    # Every event has its id, so that a publish may run twice.
    RETRIES = """{"methodConfig": [{
        "name": [{"service": "apus.v1.EventService", "method": "Publish"}],
        "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "2s",
                        "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}"""

    def __init__(self, address, tenant, source=""):
        self.source = source
        self.channel = grpc.insecure_channel(
            address, options=[("grpc.service_config", self.RETRIES)])
        self.stub = event_service_pb2_grpc.EventServiceStub(self.channel)
        self.metadata = [("x-tenant-id", tenant)]

    def publish(self, *made, timeout=10):
        """Stores all events or none; their results, each with id, position and duplicate.

        Raises grpc.RpcError; after UNAVAILABLE or DEADLINE_EXCEEDED publish the same events again.
        """
        for event in made:
            event.source = event.source or self.source
        request = publish_pb2.PublishRequest(events=made)
        return self.stub.Publish(request, timeout=timeout, metadata=self.metadata).results

    def close(self):
        self.channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
