"""`make attack`: every limit attacked while a well-behaved client keeps calling.

A temporary node is started on loopback. For each attack two processes attack it for some seconds,
while a third, the neighbour, makes unary calls at a steady pace on a connection of its own. The
rules:

- the neighbour sees no error, and its p99 stays under 5 times what it is in calm;
- the server's memory (its peak resident set) stays under 150 MiB;
- attackers are answered as the attack says, and the metric of a limit that it names has risen.

The attackers run at nice 10: they share the machine with what they attack, and what the suite
measures is what an attack does inside the server, not that a flood's own sender takes a processor
away from it. For the same reason the neighbour goes before everybody else where the system allows
that: its own machine would not be busy. A p99 that breaks the rule is measured once more, calm and
attack, since machines have bad moments of their own.

Not in CI: it takes minutes and measures time. Exits with 1 when a rule was broken.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "EndToEnd"))

from assault import Assault  # noqa: E402
from attacks import ATTACKS  # noqa: E402
from certificates import Authority  # noqa: E402
from nodes import Node  # noqa: E402
from peer import WINDOW_UPDATE, Peer, frame, number  # noqa: E402
from clients import Client  # noqa: E402
from events import note  # noqa: E402

MAX_SLOWDOWN = 5
MAX_MEMORY = 150 << 20
ATTACKERS = 2
CALLS_A_SECOND = 100


def attacker(name, address, seconds):
    """What an attacking process does: prints its tally."""
    os.nice(10)
    (chosen,) = [attack for attack in ATTACKS if attack.name == name]
    assault = Assault(address, seconds)
    chosen.run(assault)
    print(json.dumps(assault.tally))


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, *[str(a) for a in arguments]], stdout=subprocess.PIPE, text=True
    )


def hurry(process):
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, process.pid, -10)
    return process


def result(process, patience):
    output, _ = process.communicate(timeout=patience)
    assert process.returncode == 0, f"{process.args} failed"
    return json.loads(output)


class Neighbours:
    """One, or one on each listener: the slowest counts."""

    def __init__(self, node, seconds):
        self.seconds = seconds
        doors = [(node.address,)]
        if node.authority:
            doors.append((node.secure_address, node.authority.certificate))
        self.processes = [
            hurry(start(HERE / "neighbour.py", address, seconds, CALLS_A_SECOND, *authority))
            for address, *authority in doors
        ]

    def result(self):
        results = [result(process, self.seconds + 60) for process in self.processes]
        return {
            "errors": sum((r["errors"] for r in results), []),
            "p99": max(r["p99"] for r in results),
        }


class Watched(Node):
    """A node and what the system and its metrics say of it."""

    def __init__(self, flags, secure):
        self.authority = None
        self.folder = tempfile.TemporaryDirectory()
        flags = list(flags)
        # Addresses of this machine count as if they were others.
        if "--max-connections-per-peer" not in flags:
            flags += ["--max-connections-per-peer", "2000"]
        if secure:
            self.authority = Authority(self.folder.name)
            certificate, key = self.authority.issue("server")
            flags += ["--listen-tls", "127.0.0.1:0", "--tls-certificate", certificate,
                      "--tls-key", key]
        super().__init__("--log-level", "error", *flags)
        with Client(self, "attacked") as client:
            # Something to read, for attacks that hoard answers.
            for _ in range(10):
                client.publish(*[note("x" * 900) for _ in range(100)])

    @property
    def secure_address(self):
        return re.search(r"(\S+) \(TLS\)", self.ready_line)[1]

    def close(self):
        super().close()
        self.folder.cleanup()

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def peak(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10

    def hits(self):
        """Limit → how often somebody ran into it."""
        with Peer(self, INITIAL_WINDOW_SIZE=1 << 24) as peer:
            peer.send(frame(WINDOW_UPDATE, 0, 0, number(1 << 24)))
            _, body = peer.answer(peer.headers(peer.fields("GET", "/metrics")))
        found = re.findall(r'apus_grpc_limit_hits_total\{limit="(\w+)"\} (\d+)', body.decode())
        return collections.Counter({limit: int(count) for limit, count in found})


class Outcome:
    """One attack, and which rules it broke."""

    def __init__(self, attack, node, seconds, calm_seconds):
        self.attack = attack
        calm = Neighbours(node, calm_seconds).result()
        node.forget_peak()
        before = node.hits()
        attacked = node.secure_address if attack.secure else node.address
        attackers = [
            start(HERE / "run.py", "--attacker", attack.name, attacked, seconds)
            for _ in range(ATTACKERS)
        ]
        under_attack = Neighbours(node, seconds)
        self.tally = sum(
            (collections.Counter(result(a, seconds + 60)) for a in attackers),
            collections.Counter(),
        )
        self.neighbour = under_attack.result()
        self.peak = node.peak()
        self.hits = node.hits() - before
        self.slowdown = self.neighbour["p99"] / calm["p99"]

    def broken(self):
        rules = {
            "the neighbour saw errors": not self.neighbour["errors"],
            "the neighbour was slow": self.slowdown < MAX_SLOWDOWN,
            "too much memory": self.peak < MAX_MEMORY,
            f"none of {self.attack.answers}": any(self.tally[a] for a in self.attack.answers),
            f"no hit of {self.attack.limits}": any(self.hits[x] for x in self.attack.limits),
        }
        return [rule for rule, holds in rules.items() if not holds]

    def row(self):
        answers = ", ".join(
            f"{name} {count:,}" for name, count in self.tally.most_common()
            if name not in ("bytes", "connections")
        )
        return (
            f"{self.attack.name:34} {self.tally['bytes'] / 2**20:8,.0f}"
            f" {len(self.neighbour['errors']):6} {self.neighbour['p99'] * 1000:8.2f}"
            f" {self.slowdown:6.2f} {self.peak / 2**20:8.0f}  "
            f"{'ok' if not self.broken() else 'BROKEN: ' + '; '.join(self.broken())}\n"
            f"    {answers or 'no answers'}; limits: {dict(self.hits) or 'none'}"
        )


HEADING = (
    f"{'attack':34} {'MiB sent':>8} {'errors':>6} {'p99 ms':>8} {'× calm':>6} {'peak MiB':>8}"
)


def main():
    parser = argparse.ArgumentParser(description="Attacks a node's limits.")
    parser.add_argument("--seconds", type=float, default=20, help="length of one attack")
    parser.add_argument("--only", help="a part of the names of the attacks to run")
    options = parser.parse_args()
    wanted = [a for a in ATTACKS if (options.only or "").lower() in a.name.lower()]
    calm_seconds = max(2, min(5, options.seconds))
    nodes, broken = {}, []
    print(HEADING)
    try:
        for attack in wanted:
            if attack.flags not in nodes:
                nodes[attack.flags] = Watched(attack.flags, attack.secure)
            node = nodes[attack.flags]
            outcome = Outcome(attack, node, options.seconds, calm_seconds)
            if outcome.broken() == ["the neighbour was slow"]:
                outcome = Outcome(attack, node, options.seconds, calm_seconds)
            print(outcome.row(), flush=True)
            for error in sorted(set(outcome.neighbour["errors"]))[:5]:
                print(f"    {error}")
            if outcome.broken():
                broken.append(attack.name)
    finally:
        for node in nodes.values():
            node.close()
    print(f"{len(wanted) - len(broken)} of {len(wanted)} attacks broke no rule")
    return 1 if broken else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--attacker"]:
        attacker(sys.argv[2], sys.argv[3], float(sys.argv[4]))
    else:
        sys.exit(main())
