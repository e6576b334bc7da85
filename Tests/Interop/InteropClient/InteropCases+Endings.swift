import EventProtos
import GRPC
import InteropSupport

extension InteropCases {
    @Sendable func statusCodeAndMessage(_ channel: ClientChannel) async throws {
        try await checkEcho(channel, "test status message", duplex: true)
    }

    @Sendable func specialStatusMessage(_ channel: ClientChannel) async throws {
        try await checkEcho(
            channel, "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n",
            duplex: false)
    }

    private func checkEcho(_ channel: ClientChannel, _ message: String, duplex: Bool) async throws {
        let status = GrpcTesting.EchoStatus(code: 2, message: message)
        let unary = try await Self.status {
            _ = try await Service(channel).unaryCall(
                GrpcTesting.SimpleRequest(responseStatus: status))
        }
        try Self.check(unary, is: .unknown)
        try Mismatch.unless(unary.message == message, "the message is echoed")
        guard duplex else { return }
        let streamed = try await Self.status {
            try await Service(channel).fullDuplexCall { requests, responses in
                try await requests.send(
                    GrpcTesting.StreamingOutputCallRequest(responseStatus: status))
                try await requests.finish()
                for try await _ in responses {}
            }
        }
        try Self.check(streamed, is: .unknown)
        try Mismatch.unless(streamed.message == message, "the message is echoed to a stream")
    }

    @Sendable func unimplementedMethod(_ channel: ClientChannel) async throws {
        let error = try await Self.status {
            _ = try await Service(channel).unimplementedCall(GrpcTesting.Empty())
        }
        try Self.check(error, is: .unimplemented)
    }

    @Sendable func unimplementedService(_ channel: ClientChannel) async throws {
        let error = try await Self.status {
            _ = try await GrpcTesting.UnimplementedServiceClient(channel).unimplementedCall(
                GrpcTesting.Empty())
        }
        try Self.check(error, is: .unimplemented)
    }

    /// Our caller hears of its own cancellation as Swift has it, not as a status.
    private func checkCancelled(
        _ body: @escaping @Sendable (_ begun: @Sendable () -> Void) async throws -> Void
    ) async throws {
        let (begins, begun) = AsyncStream<Void>.makeStream()
        let ended = await withTaskGroup(of: (any Error)?.self) { group in
            group.addTask {
                do {
                    try await body { begun.finish() }
                    return nil
                } catch {
                    begun.finish()
                    return error
                }
            }
            for await _ in begins {}
            group.cancelAll()
            return await group.next() ?? nil
        }
        try Mismatch.unless(
            ended is CancellationError, "the call is cancelled: \(ended.map { "\($0)" } ?? "OK")")
    }

    @Sendable func cancelAfterBegin(_ channel: ClientChannel) async throws {
        try await checkCancelled { begun in
            _ = try await Service(channel).streamingInputCall { _ in
                begun()
                for await _ in AsyncStream<Never>.makeStream().stream {}
                try Task.checkCancellation()
            }
        }
    }

    @Sendable func cancelAfterFirstResponse(_ channel: ClientChannel) async throws {
        try await checkCancelled { begun in
            try await Service(channel).fullDuplexCall { requests, responses in
                try await requests.send(
                    GrpcTesting.StreamingOutputCallRequest(
                        responseParameters: [GrpcTesting.ResponseParameters(size: 31_415)],
                        payload: Self.zeros(27_182)))
                for try await response in responses {
                    try Mismatch.unless(
                        response.payload == Self.zeros(31_415), "31415 zeros are answered")
                    begun()
                }
            }
        }
    }

    @Sendable func timeoutOnSleepingServer(_ channel: ClientChannel) async throws {
        let error = try await Self.status {
            try await Service(channel).fullDuplexCall(
                options: CallOptions(timeout: .milliseconds(1))
            ) { requests, responses in
                try await requests.send(
                    GrpcTesting.StreamingOutputCallRequest(payload: Self.zeros(27_182)))
                for try await _ in responses {}
            }
        }
        try Self.check(error, is: .deadlineExceeded)
    }
}
