"""Refusals, decoded by grpcio-status from `grpc-status-details-bin`."""

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

CODES = {code.value[0]: code for code in grpc.StatusCode}
DETAILS = (
    error_details_pb2.BadRequest,
    error_details_pb2.ErrorInfo,
    error_details_pb2.ResourceInfo,
    error_details_pb2.PreconditionFailure,
    error_details_pb2.QuotaFailure,
    error_details_pb2.RetryInfo,
)


class Problem:
    """One `google.rpc.Status`, from a failed call or from inside an answer."""

    def __init__(self, status):
        self.code = CODES[status.code]
        self.message = status.message
        self.details = [unpacked(detail) for detail in status.details]

    def one(self, kind):
        found = [detail for detail in self.details if isinstance(detail, kind)]
        assert len(found) == 1, f"{len(found)} {kind.__name__} in {self}"
        return found[0]

    @property
    def fields(self):
        """The fields that BadRequest names."""
        return [v.field for v in self.one(error_details_pb2.BadRequest).field_violations]

    @property
    def info(self):
        return self.one(error_details_pb2.ErrorInfo)

    @property
    def resource(self):
        return self.one(error_details_pb2.ResourceInfo)

    @property
    def precondition(self):
        (violation,) = self.one(error_details_pb2.PreconditionFailure).violations
        return violation

    @property
    def retry_seconds(self):
        delay = self.one(error_details_pb2.RetryInfo).retry_delay
        return delay.seconds + delay.nanos / 1e9

    def __repr__(self):
        return f"{self.code.name}: {self.message} {self.details}"


def unpacked(detail: any_pb2.Any):
    for kind in DETAILS:
        if detail.Is(kind.DESCRIPTOR):
            message = kind()
            detail.Unpack(message)
            return message
    raise AssertionError(f"a detail of an unknown kind: {detail.type_url}")


def problem_of(error):
    """The Problem of a failed call; its code and message agree with the call's own status."""
    status = rpc_status.from_call(error)
    assert status is not None, f"no grpc-status-details-bin with {error.code()} {error.details()}"
    return Problem(status)


def refused(code, function, *arguments, **options):
    """Calls, expects a refusal with `code`, and hands it back decoded.

    A stream is read to its end."""
    with pytest.raises(grpc.RpcError) as raised:
        answer = function(*arguments, **options)
        if hasattr(answer, "__iter__") and not isinstance(answer, (list, tuple)):
            list(answer)
    error = raised.value
    assert error.code() == code, f"{error.code()}: {error.details()}"
    problem = problem_of(error)
    assert problem.message, "a refusal says why"
    return problem


def bad_fields(function, *arguments, **options):
    """Calls, expects INVALID_ARGUMENT, and hands back the fields that it names."""
    return refused(grpc.StatusCode.INVALID_ARGUMENT, function, *arguments, **options).fields
