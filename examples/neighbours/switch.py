"""Sets the switches of a service that runs: `switch.py HOST:PORT Set fail=UNAVAILABLE times=3`."""

import json
import sys

import grpc

import switches


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: switch.py HOST:PORT Set|Reset|Release|Refuse|Accept|Calls [NAME=VALUE…]")
    address, method, *pairs = sys.argv[1:]
    arguments = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            arguments[name] = json.loads(value)
        except ValueError:
            arguments[name] = value
    with grpc.insecure_channel(address) as channel:
        print(json.dumps(switches.call(channel, method, **arguments), indent=2))


if __name__ == "__main__":
    main()
