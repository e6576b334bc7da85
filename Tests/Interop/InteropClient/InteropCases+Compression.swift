import EventProtos
import GRPC
import InteropSupport
import Protobuf

extension InteropCases {
    private static let encodings = [CompressionAlgorithm.gzip, .deflate]
    private static let yes = GrpcTesting.BoolValue(value: true)
    private static let no = GrpcTesting.BoolValue(value: false)

    @Sendable func clientCompressedUnary(_ channel: ClientChannel) async throws {
        var request = Self.largeRequest
        request.expectCompressed = Self.yes
        let compressed = request
        if seesCompression {
            let probe = try await Self.status {
                _ = try await Service(channel).unaryCall(compressed)
            }
            try Self.check(probe, is: .invalidArgument)
        }
        for encoding in Self.encodings {
            let answer = try await Service(channel).unaryCall(
                compressed, options: CallOptions(compression: encoding))
            try Self.check(large: answer)
        }
        request.expectCompressed = Self.no
        try Self.check(large: try await Service(channel).unaryCall(request))
    }

    @Sendable func clientCompressedStreaming(_ channel: ClientChannel) async throws {
        let first = GrpcTesting.StreamingInputCallRequest(
            payload: Self.zeros(27_182), expectCompressed: Self.yes)
        let second = GrpcTesting.StreamingInputCallRequest(
            payload: Self.zeros(45_904), expectCompressed: Self.no)
        if seesCompression {
            let probe = try await Self.status {
                _ = try await Service(channel).streamingInputCall { requests in
                    try await requests.send(first)
                }
            }
            try Self.check(probe, is: .invalidArgument)
        }
        for encoding in Self.encodings {
            let answer = try await Service(channel).streamingInputCall(
                options: CallOptions(compression: encoding)
            ) { requests in
                try await requests.send(first)
                try await requests.send(second, compressed: false)
            }
            try Mismatch.unless(answer.aggregatedPayloadSize == 73_086, "73086 bytes were sent")
        }
    }

    @Sendable func serverCompressedUnary(_ channel: ClientChannel) async throws {
        for wanted in [Self.yes, Self.no] {
            var request = Self.largeRequest
            request.responseCompressed = wanted
            let bytes = request.encoded()
            try await channel.withCall(Methods.unaryCall) { call in
                try await call.send(bytes)
                try await call.finishSending()
                let response = try await call.responses.single()
                try Mismatch.unless(
                    await call.responseWasCompressed == wanted.value,
                    "the response is compressed: \(wanted.value)")
                try Self.check(large: try GrpcTesting.SimpleResponse(decoding: response))
            }
        }
    }

    @Sendable func serverCompressedStreaming(_ channel: ClientChannel) async throws {
        let parameters = [
            GrpcTesting.ResponseParameters(size: 31_415, compressed: Self.yes),
            GrpcTesting.ResponseParameters(size: 92_653, compressed: Self.no),
        ]
        let request = GrpcTesting.StreamingOutputCallRequest(responseParameters: parameters)
        try await channel.withCall(Methods.streamingOutputCall) { call in
            try await call.send(request.encoded())
            try await call.finishSending()
            for wanted in parameters {
                let bytes = try await call.responses.next()
                try Mismatch.unless(
                    await call.responseWasCompressed == wanted.compressed?.value,
                    "the response is compressed: \(wanted.compressed?.value ?? false)")
                let response = try GrpcTesting.StreamingOutputCallResponse(decoding: bytes ?? [])
                try Mismatch.unless(
                    response.payload == Self.zeros(Int(wanted.size)),
                    "\(wanted.size) zeros are answered")
            }
            try Mismatch.unless(try await call.responses.next() == nil, "no more is answered")
        }
    }
}
