"""From the commit of a transaction that published in SQL until the event is in the log, for everybody:
alone, and beside a session that published much and leaves its transaction open. Goal: 100 ms.
"""

import argparse
import contextlib
import random
import time

import psycopg

from run import Server, milliseconds

PUBLISH = "select apus.publish('lead.created', '{\"leadId\": \"7\"}', tenant => 'bench')"
STORED = "select from apus.identities where id = %s"


def latencies(server, count):
    """Seconds, sorted."""
    found = []
    with contextlib.ExitStack() as stack:
        caller, reader = (
            stack.enter_context(psycopg.connect(server.conninfo, autocommit=True))
            for _ in range(2)
        )
        for _ in range(count):
            # At any moment between two looks of the drainer.
            time.sleep(random.uniform(0.05, 0.15))
            event = caller.execute(PUBLISH).fetchone()[0]
            committed = time.perf_counter()
            while reader.execute(STORED, [event]).rowcount == 0:
                time.sleep(0.0005)
            found.append(time.perf_counter() - committed)
    return sorted(found)


def tell(name, found):
    p50, p99 = found[len(found) // 2], found[len(found) * 99 // 100]
    late = sum(latency > 0.1 for latency in found)
    print(f"{name}: p50 {milliseconds(p50)}, p99 {milliseconds(p99)}, longest"
          f" {milliseconds(found[-1])}; {late} of {len(found)} over 100 ms", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=200, help="of each measurement")
    parser.add_argument("--open", type=int, default=20_000, help="events of the open transaction")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        server = Server()
        stack.callback(server.close)
        idle = stack.enter_context(psycopg.connect(server.conninfo))
        idle.execute("select apus.allow_publishing(session_user::text, '*')")
        idle.commit()
        latencies(server, 5)  # warm-up
        tell("from commit to log", latencies(server, options.events))
        idle.execute(f"{PUBLISH} from generate_series(1, %s)", [options.open])
        tell(f"beside an open transaction of {options.open:,}", latencies(server, options.events))
        idle.rollback()


if __name__ == "__main__":
    main()
