"""Many clients at once: publishers that retry until each event is acknowledged, and followers."""

import threading

import grpc

from clients import Client, new_id
from events import note


class Thread(threading.Thread):
    """A thread whose failure is the test's failure."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.failure, self.result = work, None, None

    def run(self):
        try:
            self.result = self.work()
        except BaseException as error:  # handed over by finish()
            self.failure = error

    def finish(self, patience):
        self.join(patience)
        assert not self.is_alive(), f"still runs after {patience} s"
        if self.failure is not None:
            raise self.failure
        return self.result


def together(works, patience=120):
    """Runs all at once; their results."""
    threads = [Thread(work) for work in works]
    for thread in threads:
        thread.start()
    return [thread.finish(patience) for thread in threads]


class Publishers:
    """Clients that publish small batches under ids of their own, each tried until it is
    acknowledged, on whatever node runs."""

    # What a client may see of a crash; anything else is a failure of the service.
    PASSING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    # Of one attempt, in seconds.
    DEADLINE = 10

    def __init__(self, node, tenant, count=4, batch=5):
        self.node, self.tenant, self.batch = node, tenant, batch
        self.stopping, self.abandoned = threading.Event(), False
        self.changed = threading.Condition()
        self.acknowledged = {}
        self.threads = [Thread(self.publish) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def publish(self):
        client = None
        try:
            while not self.stopping.is_set():
                batch = [note(id=new_id()) for _ in range(self.batch)]
                while (results := self.attempt(client, batch)) is None:
                    if client is not None:
                        client.close()
                    client = Client(self.node, self.tenant)
                with self.changed:
                    for result in results:
                        assert result.event_id not in self.acknowledged
                        self.acknowledged[result.event_id] = result.position
                    self.changed.notify_all()
        finally:
            if client is not None:
                client.close()

    def attempt(self, client, batch):
        """The results, or None when the same batch has to be tried again."""
        if client is None:
            return None
        try:
            return client.publish(*batch, timeout=self.DEADLINE)
        except grpc.RpcError as error:
            assert not self.abandoned
            assert error.code() in self.PASSING, f"{error.code()}: {error.details()}"
            self.stopping.wait(0.02)
            return None

    def wait_for_more(self, count, patience=60, alive=lambda: True):
        """Waits until so many more events are acknowledged, or `alive` is no longer true."""
        with self.changed:
            goal = len(self.acknowledged) + count
            waited = 0
            while len(self.acknowledged) < goal and alive():
                for thread in self.threads:
                    if thread.failure is not None:
                        raise thread.failure
                assert waited < patience, f"no {count} events acknowledged in {patience} s"
                self.changed.wait(0.25)
                waited += 0.25
            return len(self.acknowledged) >= goal

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:  # the test has failed; nothing may hide why
            self.abandoned = True
            self.stopping.set()

    def finish(self):
        """Stops, and hands back id → position of all that was acknowledged."""
        self.stopping.set()
        for thread in self.threads:
            thread.finish(90)
        return self.acknowledged


def assert_kept(client, acknowledged):
    """Every acknowledged event is in the log once at its position; positions are dense."""
    events = [d.event for d in client.history(timeout=90)]
    positions = [e.position for e in events]
    assert positions == list(range(1, len(events) + 1)), "positions are dense"
    kept = {e.id: e.position for e in events}
    assert len(kept) == len(events), "no id is there twice"
    wrong = {id: (p, kept.get(id)) for id, p in acknowledged.items() if kept.get(id) != p}
    assert not wrong, f"acknowledged and lost or moved: {dict(list(wrong.items())[:5])}"
    return events
