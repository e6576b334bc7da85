import EventProtos
import GRPC
import InteropSupport

/// What a case found to be wrong.
struct Mismatch: Error, CustomStringConvertible {
    let description: String

    static func unless(_ holds: Bool, _ rule: String) throws {
        guard holds else { throw Mismatch(description: "it does not hold that \(rule)") }
    }
}

/// The cases of gRPC's `interop-test-descriptions.md`, by their names there.
struct InteropCases: Sendable {
    typealias Case = @Sendable (ClientChannel) async throws -> Void
    typealias Service = GrpcTesting.TestServiceClient
    typealias Methods = GrpcTesting.TestServiceMethods

    let connect: @Sendable () -> ClientChannel
    /// The server tells compressed requests from others.
    let seesCompression: Bool
    let soakCalls: Int
    let soakChannels: Int

    var all: [(name: String, perform: Case)] {
        [
            ("empty_unary", emptyUnary), ("large_unary", largeUnary),
            ("client_compressed_unary", clientCompressedUnary),
            ("server_compressed_unary", serverCompressedUnary),
            ("client_streaming", clientStreaming),
            ("client_compressed_streaming", clientCompressedStreaming),
            ("server_streaming", serverStreaming),
            ("server_compressed_streaming", serverCompressedStreaming),
            ("ping_pong", pingPong), ("empty_stream", emptyStream),
            ("custom_metadata", customMetadata),
            ("status_code_and_message", statusCodeAndMessage),
            ("special_status_message", specialStatusMessage),
            ("unimplemented_method", unimplementedMethod),
            ("unimplemented_service", unimplementedService),
            ("cancel_after_begin", cancelAfterBegin),
            ("cancel_after_first_response", cancelAfterFirstResponse),
            ("timeout_on_sleeping_server", timeoutOnSleepingServer),
            ("rpc_soak", rpcSoak), ("channel_soak", channelSoak),
        ]
    }

    func withChannel(_ perform: Case) async throws {
        let channel = connect()
        do {
            try await perform(channel)
        } catch {
            await channel.close()
            throw error
        }
        await channel.close()
    }

    // MARK: What cases have in common

    static func zeros(_ count: Int) -> GrpcTesting.Payload {
        GrpcTesting.Payload(body: [UInt8](repeating: 0, count: count))
    }

    static var largeRequest: GrpcTesting.SimpleRequest {
        GrpcTesting.SimpleRequest(responseSize: 314_159, payload: zeros(271_828))
    }

    static func check(large response: GrpcTesting.SimpleResponse) throws {
        try Mismatch.unless(response.payload == zeros(314_159), "314159 zeros are answered")
    }

    /// - Returns: The status of a call that must not end with OK.
    static func status(_ body: () async throws -> Void) async throws -> RPCError {
        do {
            try await body()
        } catch let error as RPCError {
            return error
        }
        throw Mismatch(description: "the call ended with OK")
    }

    static func check(_ error: RPCError, is code: RPCStatusCode) throws {
        try Mismatch.unless(error.code == code, "the status is \(code), not \(error)")
    }

    /// - Parameter steps: What is asked for and sent in each step, which waits for the last answer.
    static func pingPong(_ channel: ClientChannel, _ steps: [(size: Int32, payload: Int)])
        async throws
    {
        try await Service(channel).fullDuplexCall { requests, responses in
            var answers = responses.makeAsyncIterator()
            for step in steps {
                try await requests.send(
                    GrpcTesting.StreamingOutputCallRequest(
                        responseParameters: [GrpcTesting.ResponseParameters(size: step.size)],
                        payload: zeros(step.payload)))
                let answer = try await answers.next()
                try Mismatch.unless(
                    answer?.payload == zeros(Int(step.size)), "\(step.size) zeros are answered")
            }
            try await requests.finish()
            try Mismatch.unless(try await answers.next() == nil, "no more is answered")
        }
    }
}
