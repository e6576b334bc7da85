"""What both services have in common: the command line, the door, the switches."""

import argparse
import signal
from concurrent import futures

import grpc

from door import Door
from switches import CODES, Switches


def serve(name, service, port, register, refuse):
    """Runs a service until SIGTERM or SIGINT.

    - register: Adds the service to a server.
    - refuse: Makes an answer whose own status names an error code, of method and request.
    """
    parser = argparse.ArgumentParser(description=f"{name}, for trying out and for tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=port, help="0: a free one")
    parser.add_argument("--method", default="*", help="which method the switches below are for")
    parser.add_argument("--delay", type=float, help="seconds before every answer")
    parser.add_argument("--fail", choices=sorted(CODES), help="the status of every call")
    parser.add_argument("--error-code", help="in answers that say that they failed")
    parser.add_argument("--retry-after", type=float, help="seconds, told with --fail")
    parser.add_argument("--drop", action="store_true", help="cut the connection instead")
    parser.add_argument("--times", type=int, help="for the first so many calls only")
    arguments = parser.parse_args()

    ends = {signal.SIGTERM, signal.SIGINT}
    # Before there are threads that the signals could go to.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    options = [("grpc.so_reuseport", 0)]
    switches = Switches(service, refuse, None)
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=64), interceptors=[switches], options=options)
    register(server)
    server.add_generic_rpc_handlers([switches.handler()])
    inner = server.add_insecure_port(f"{arguments.host}:0")
    server.start()
    switches.door = Door(arguments.host, arguments.port, (arguments.host, inner))
    rule = {
        key: value for key, value in vars(arguments).items()
        if key not in ("host", "port") and value not in (None, False)
    }
    if set(rule) - {"method"}:
        switches.set(rule)
    print(
        f"{name} listens on {arguments.host}:{switches.door.port},"
        f" its switches on {arguments.host}:{inner}", flush=True)
    signal.sigwait(ends)
    server.stop(0)
