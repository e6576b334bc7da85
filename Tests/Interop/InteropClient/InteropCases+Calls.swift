import EventProtos
import GRPC
import InteropSupport
import Protobuf

extension InteropCases {
    @Sendable func emptyUnary(_ channel: ClientChannel) async throws {
        let answer = try await channel.unary(Methods.emptyCall, [])
        try Mismatch.unless(answer.isEmpty, "the empty message is no byte")
    }

    @Sendable func largeUnary(_ channel: ClientChannel) async throws {
        try Self.check(large: try await Service(channel).unaryCall(Self.largeRequest))
    }

    @Sendable func clientStreaming(_ channel: ClientChannel) async throws {
        let answer = try await Service(channel).streamingInputCall { requests in
            for size in [27_182, 8, 1_828, 45_904] {
                try await requests.send(
                    GrpcTesting.StreamingInputCallRequest(payload: Self.zeros(size)))
            }
        }
        try Mismatch.unless(answer.aggregatedPayloadSize == 74_922, "74922 bytes were sent")
    }

    @Sendable func serverStreaming(_ channel: ClientChannel) async throws {
        let sizes: [Int32] = [31_415, 9, 2_653, 58_979]
        let request = GrpcTesting.StreamingOutputCallRequest(
            responseParameters: sizes.map { GrpcTesting.ResponseParameters(size: $0) })
        let answered = try await Service(channel).streamingOutputCall(request) { responses in
            var answered: [GrpcTesting.Payload?] = []
            for try await response in responses { answered.append(response.payload) }
            return answered
        }
        try Mismatch.unless(
            answered == sizes.map { Self.zeros(Int($0)) }, "each size is answered, in order")
    }

    @Sendable func pingPong(_ channel: ClientChannel) async throws {
        try await Self.pingPong(
            channel, [(31_415, 27_182), (9, 8), (2_653, 1_828), (58_979, 45_904)])
    }

    @Sendable func emptyStream(_ channel: ClientChannel) async throws {
        try await Self.pingPong(channel, [])
    }

    @Sendable func customMetadata(_ channel: ClientChannel) async throws {
        let value = "test_initial_metadata_value"
        var metadata = Metadata()
        metadata.append(InteropMetadata.echoInitial, value)
        metadata.appendBinary(InteropMetadata.echoTrailing, [0xab, 0xab, 0xab])
        let options = CallOptions(metadata: metadata)
        let duplex = GrpcTesting.StreamingOutputCallRequest(
            responseParameters: [GrpcTesting.ResponseParameters(size: 314_159)],
            payload: Self.zeros(271_828))
        for (method, request) in [
            (Methods.unaryCall, Self.largeRequest.encoded()),
            (Methods.fullDuplexCall, duplex.encoded()),
        ] {
            try await channel.withCall(method, options: options) { call in
                try await call.send(request)
                try await call.finishSending()
                _ = try await call.responses.single()
                let initial = try await call.initialMetadata.values(InteropMetadata.echoInitial)
                try Mismatch.unless(initial == [value], "\(method.name) echoes initial metadata")
                let trailing = await call.trailingMetadata.binary(InteropMetadata.echoTrailing)
                try Mismatch.unless(
                    trailing == [[0xab, 0xab, 0xab]], "\(method.name) echoes trailing metadata")
            }
        }
    }

    // MARK: Soak

    @Sendable func rpcSoak(_ channel: ClientChannel) async throws {
        for _ in 0..<soakCalls { try await largeUnary(channel) }
    }

    @Sendable func channelSoak(_ channel: ClientChannel) async throws {
        for _ in 0..<soakChannels { try await withChannel(largeUnary) }
    }
}
