import EventProtos
import GRPC
import IO
import Protobuf
import Telemetry
import TestSupport
import Testing

/// The generated provider and client, over a real connection.
@Suite struct CallTests {
    private struct Labels: GoldenV1.LabelServiceProvider {
        func echo(_ request: GoldenV1.Leaf, call: ServerCall) async throws -> GoldenCommonV1.Label {
            GoldenCommonV1.Label(text: "echo")
        }

        func collect(
            _ requests: TypedRequests<GoldenCommonV1.Label>, call: ServerCall
        ) async throws -> GoldenV1.Leaf {
            var count = 0
            for try await _ in requests { count += 1 }
            guard count == 3 else { throw RPCError(.failedPrecondition, "\(count)") }
            return GoldenV1.Leaf()
        }

        func scatter(
            _ request: GoldenV1.Outer.Inner, _ responses: TypedResponses<GoldenCommonV1.Label>,
            call: ServerCall
        ) async throws {
            for index in 0..<3 {
                try await responses.send(GoldenCommonV1.Label(text: "\(request.kind) \(index)"))
            }
        }

        func exchange(
            _ requests: TypedRequests<GoldenCommonV1.Label>,
            _ responses: TypedResponses<GoldenCommonV1.Label>, call: ServerCall
        ) async throws {
            for try await request in requests {
                try await responses.send(GoldenCommonV1.Label(text: request.text + "!"))
            }
        }
    }

    private func withClient(
        _ body: (GoldenV1.LabelServiceClient, ClientChannel) async throws -> Void
    ) async throws {
        let loops = TestLoops.group
        let server = RPCServer(services: [Labels()], loops: loops, logger: .silent)
        let address = try await server.bind(host: "127.0.0.1", port: 0)
        let channel = ClientChannel(host: "127.0.0.1", port: address.port, loops: loops)
        async let running: Void = server.run()
        try await body(GoldenV1.LabelServiceClient(channel), channel)
        await channel.close()
        await server.shutdown(grace: .zero)
        try await running
    }

    @Test func `all four kinds of call carry messages`() async throws {
        try await withClient { client, _ in
            let echo = try await client.echo(GoldenV1.Leaf())
            #expect(echo.text == "echo")

            let leaf = try await client.collect { writer in
                for _ in 0..<3 { try await writer.send(GoldenCommonV1.Label(text: "x")) }
            }
            #expect(leaf == GoldenV1.Leaf())

            let scattered = try await client.scatter(GoldenV1.Outer.Inner(kind: .odd)) {
                var texts: [String] = []
                for try await label in $0 { texts.append(label.text) }
                return texts
            }
            #expect(scattered == ["odd 0", "odd 1", "odd 2"])

            let exchanged = try await client.exchange { writer, responses in
                var texts: [String] = []
                var responses = responses.makeAsyncIterator()
                for text in ["a", "b"] {
                    try await writer.send(GoldenCommonV1.Label(text: text))
                    texts.append(try await responses.next()?.text ?? "")
                }
                try await writer.finish()
                #expect(try await responses.next() == nil)
                return texts
            }
            #expect(exchanged == ["a!", "b!"])
        }
    }

    @Test func `a request that does not decode names the field in the status`() async throws {
        try await withClient { _, channel in
            let bad: [UInt8] = [0x12, 0x03, 0x0a, 0x01, 0xff]  // innermost.text is not UTF-8
            let error = await #expect(throws: RPCError.self) {
                _ = try await channel.withCall(GoldenV1.LabelServiceMethods.scatter) { call in
                    try await call.send(bad)
                    try await call.finishSending()
                    return try await call.responses.next()
                }
            }
            #expect(error?.code == .invalidArgument)
            let status = try GoogleRpc.Status(decoding: error?.details ?? [])
            #expect(status.code == 3)
            let detail = try status.details.first?.unpack(as: GoogleRpc.BadRequest.self)
            #expect(detail?.fieldViolations.map(\.field) == ["innermost.text"])
        }
    }
}
