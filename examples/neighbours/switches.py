"""What a service does wrong on purpose, and what it was asked: set from the command line, or while it
runs through the rpc `/neighbours.Switches/Set`, whose messages are JSON."""

import json
import threading
import time

import grpc
from google.protobuf import any_pb2, duration_pb2, json_format
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

CODES = {code.name: code for code in grpc.StatusCode}
KNOWN = {"method", "delay", "hold", "fail", "error_code", "drop", "times", "retry_after"}


class Switches(grpc.ServerInterceptor):
    """Stands before every call of one service.

    A rule is for one method, or for `*`: all but HealthCheck. It says what its next `times` calls
    (without: all) get: `delay` seconds of waiting, or `hold`: until Release or Reset; then the status
    `fail` (with `retry_after` seconds in a RetryInfo), or an answer whose own status says
    `error_code`, or `drop`: every connection is cut.
    """

    def __init__(self, service, refuse, door):
        self.service, self.refuse, self.door = service, refuse, door
        self.lock = threading.Lock()
        self.rules, self.seen = {}, []
        self.held = threading.Event()

    # What the switches' own rpcs do

    def set(self, rule):
        unknown = set(rule) - KNOWN
        if unknown or rule.get("fail", "UNKNOWN") not in CODES:
            raise ValueError(f"unknown: {unknown or rule['fail']}")
        with self.lock:
            self.rules[rule.get("method", "*")] = dict(rule)
        return {}

    def reset(self, _):
        with self.lock:
            self.rules, self.seen = {}, []
        self.door.open()
        return self.release(_)

    def release(self, _):
        with self.lock:
            held, self.held = self.held, threading.Event()
        held.set()
        return {}

    def calls(self, wanted):
        with self.lock:
            return {"calls": [c for c in self.seen if wanted.get("method") in (None, c["method"])]}

    def refuse_connections(self, _):
        self.door.close()
        return {}

    def accept_connections(self, _):
        self.door.open()
        return {}

    # Around every call

    def intercept_service(self, continuation, details):
        handler = continuation(details)
        service, method = details.method.strip("/").split("/")
        if handler is None or service != self.service or not handler.unary_unary:
            return handler

        def behave(request, context):
            rule = self.begin(method, request, details, context)
            return self.follow(rule, method, request, context) or handler.unary_unary(
                request, context)

        return grpc.unary_unary_rpc_method_handler(
            behave, handler.request_deserializer, handler.response_serializer)

    def begin(self, method, request, details, context):
        with self.lock:
            self.seen.append({
                "method": method, "at": time.time(), "time_remaining": context.time_remaining(),
                "metadata": {k: v for k, v in details.invocation_metadata if isinstance(v, str)},
                "request": json_format.MessageToDict(request, preserving_proto_field_name=True),
            })
            rule = self.rules.get(method)
            if rule is None and method != "HealthCheck":
                rule = self.rules.get("*")
            if rule is None or rule.get("times") == 0:
                return {}
            if rule.get("times") is not None:
                rule["times"] -= 1
            return {**rule, "held": self.held}

    def follow(self, rule, method, request, context):
        if rule.get("delay"):
            over = threading.Event()
            context.add_callback(over.set)
            over.wait(rule["delay"])
        if rule.get("hold"):
            while context.is_active() and not rule["held"].wait(0.05):
                pass
        if rule.get("drop"):
            self.door.drop()
            context.abort(grpc.StatusCode.CANCELLED, "the connection was cut")
        if rule.get("error_code") is not None:
            return self.refuse(method, request, rule["error_code"])
        code = CODES[rule.get("fail", "OK")]
        if code is not grpc.StatusCode.OK:
            text = f"{method} fails on purpose"
            if rule.get("retry_after") is None:
                context.abort(code, text)
            delay = duration_pb2.Duration()
            delay.FromNanoseconds(int(rule["retry_after"] * 1e9))
            detail = any_pb2.Any()
            detail.Pack(error_details_pb2.RetryInfo(retry_delay=delay))
            context.abort_with_status(rpc_status.to_status(
                status_pb2.Status(code=code.value[0], message=text, details=[detail])))
        return None

    def handler(self):
        """The rpcs by which the switches are set."""
        def rpc(function):
            def answer(request, context):
                try:
                    return function(request)
                except ValueError as error:
                    context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            return grpc.unary_unary_rpc_method_handler(
                answer, lambda data: json.loads(data or b"{}"), lambda x: json.dumps(x).encode())

        return grpc.method_handlers_generic_handler("neighbours.Switches", {
            "Set": rpc(self.set), "Reset": rpc(self.reset), "Calls": rpc(self.calls),
            "Release": rpc(self.release), "Refuse": rpc(self.refuse_connections),
            "Accept": rpc(self.accept_connections),
        })


def call(channel, name, /, **arguments):
    """Calls one of the switches' rpcs: `call(channel, "Set", fail="UNAVAILABLE", times=2)`."""
    rpc = channel.unary_unary(
        f"/neighbours.Switches/{name}", lambda x: json.dumps(x).encode(), json.loads)
    return rpc(arguments, timeout=30)
