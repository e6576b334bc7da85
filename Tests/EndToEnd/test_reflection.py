"""Reflection v1 and v1alpha: a client that has no `.proto` learns everything."""

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from events import CATALOGUE, lead

SERVICES = {
    "apus.v1.EventService", "apus.v1.GroupService", "apus.v1.HandlerService",
    "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
}


@pytest.fixture(params=["v1", "v1alpha"])
def ask(client, request):
    """Asks over one stream; the two versions have the same messages."""
    call = client.channel.stream_stream(
        f"/grpc.reflection.{request.param}.ServerReflection/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )

    def ask(*questions):
        requests = [reflection_pb2.ServerReflectionRequest(**q) for q in questions]
        answers = list(call(iter(requests), timeout=30))
        assert len(answers) == len(questions)
        return answers

    return ask


def files(answer):
    assert answer.HasField("file_descriptor_response"), answer
    return [
        descriptor_pb2.FileDescriptorProto.FromString(f)
        for f in answer.file_descriptor_response.file_descriptor_proto
    ]


def test_services_are_listed(ask):
    (answer,) = ask({"list_services": ""})
    assert SERVICES <= {s.name for s in answer.list_services_response.service}


def test_a_file_is_found_by_name_symbol_and_extension(ask):
    by_name, by_service, by_method, by_message, by_extension, numbers = ask(
        {"file_by_filename": "apus/v1/event_service.proto"},
        {"file_containing_symbol": "apus.v1.EventService"},
        {"file_containing_symbol": "apus.v1.EventService.Publish"},
        {"file_containing_symbol": "apus.events.lead.v1.LeadCreated"},
        {"file_containing_extension": {
            "containing_type": "google.protobuf.MessageOptions", "extension_number": 50530}},
        {"all_extension_numbers_of_type": "google.protobuf.MessageOptions"},
    )
    for answer in (by_name, by_service, by_method):
        assert files(answer)[0].name == "apus/v1/event_service.proto"
    assert "LeadCreated" in [m.name for m in files(by_message)[0].message_type]
    assert [e.number for e in files(by_extension)[0].extension] == [50530]
    assert 50530 in numbers.all_extension_numbers_response.extension_number


def test_what_is_unknown_is_an_error_answer_and_the_stream_goes_on(ask):
    missing, symbol, listed = ask(
        {"file_by_filename": "no/such.proto"}, {"file_containing_symbol": "no.Such"},
        {"list_services": ""},
    )
    for answer in (missing, symbol):
        assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert listed.list_services_response.service


def test_every_payload_of_the_catalogue_can_be_learnt(ask):
    names = [kind.DESCRIPTOR.full_name for kind in CATALOGUE.values()]
    answers = ask(*[{"file_containing_symbol": name} for name in names])
    for name, answer in zip(names, answers):
        found = {f"{f.package}.{m.name}" for f in files(answer) for m in f.message_type}
        assert name in found


def test_a_client_built_from_reflection_alone_reads_an_event(client):
    """grpcio-reflection's own descriptor database, which resolves every import."""
    id = client.publish_one(lead("77")).event_id
    pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(client.channel))
    service = pool.FindServiceByName("apus.v1.EventService")
    method = service.methods_by_name["GetEvent"]
    request = message_factory.GetMessageClass(method.input_type)(id=id)
    answer_type = message_factory.GetMessageClass(method.output_type)
    call = client.channel.unary_unary(
        "/apus.v1.EventService/GetEvent",
        type(request).SerializeToString, answer_type.FromString,
    )
    answer = call(request, timeout=30, metadata=client.metadata)
    data = message_factory.GetMessageClass(
        pool.FindMessageTypeByName(answer.event.data.type_url.split("/")[1])
    )()
    assert answer.event.data.Unpack(data)
    assert data.lead_id == "77"
