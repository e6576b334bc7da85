"""What the runtime's benchmarks share: servers, the load generator, the system's counters."""

import os
import pathlib
import re
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
SWIFT_SERVER = TOP / ".build" / "release" / "runtime-bench-server"
CPP_SERVER = TOP / ".build" / "bench" / "cpp-server"
SERVICE = "apus.bench.v1.Runtime"
TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """A server that says where it listens in its first line."""

    def __init__(self, *command, cpu=None, environment=None):
        pinned = ["taskset", "-c", str(cpu)] if cpu is not None else []
        self.process = subprocess.Popen(
            [*pinned, *[str(c) for c in command]], stdout=subprocess.PIPE, text=True,
            env={**os.environ, **(environment or {})},
        )
        line = self.process.stdout.readline()
        assert " listens on " in line, f"{command}: {line!r}"
        self.address = line.split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def cpu_seconds(self):
        """Of user and system, so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / TICKS

    def status(self, name):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+)", text)[1])

    def resident(self):
        """Bytes."""
        return self.status("VmRSS") << 10

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def h2load(address, method, body, *arguments, cpu=None, tls=False):
    """One run; what it prints."""
    pinned = ["taskset", "-c", str(cpu)] if cpu is not None else []
    command = [
        *pinned, "h2load", "-t", "1", "-d", str(body), "-H", "te: trailers",
        "-H", "content-type: application/grpc", *[str(a) for a in arguments],
        f"{'https' if tls else 'http'}://{address}/{SERVICE}/{method}",
    ]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    done, failed, errored = re.search(
        r"requests: .*? (\d+) done, .*? (\d+) failed, (\d+) errored", output
    ).groups()
    assert int(done) > 0 and int(failed) == int(errored) == 0, output
    return output


def calls_a_second(output):
    return float(re.search(r"finished in .*?, ([\d.]+) req/s", output)[1])


def calls_done(output):
    return int(re.search(r"requests: .*? (\d+) done", output)[1])


def certificate(folder):
    """A certificate of its own issuer for `localhost`, and its key: their files."""
    chain, key = f"{folder}/chain.pem", f"{folder}/key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", chain],
        check=True, capture_output=True,
    )
    return chain, key


# In flight: connections and calls on each.
LINES = {1: (1, 1), 64: (4, 16), 512: (8, 64)}


class Result:
    """What a load had: answers a second, and seconds until they came."""

    def __init__(self, rate, p50, p99):
        self.rate, self.p50, self.p99 = rate, p50, p99


def unary(url, body, in_flight, seconds, headers=()):
    """So many calls at any moment, by h2load: a client of ours would cost as much as the server."""
    clients, streams = LINES[in_flight]
    with tempfile.NamedTemporaryFile("r") as log:
        command = [
            "h2load", "-t", "1", "-c", clients, "-m", streams, "-D", seconds, "-d", body,
            "--log-file", log.name, "-H", "te: trailers", "-H", "content-type: application/grpc",
            *[part for header in headers for part in ("-H", header)], url,
        ]
        output = subprocess.run(
            [str(c) for c in command], check=True, capture_output=True, text=True
        ).stdout
        assert " 0 failed, 0 errored" in output, output
        times = sorted(int(line.split()[2]) / 1e6 for line in log)
    return Result(len(times) / seconds, times[len(times) // 2], times[len(times) * 99 // 100])
