import GRPC
import Telemetry
import Testing

@Suite struct CallTests {
    @Test func `a unary call answers`() async throws {
        try await TestServer.with(Test.all) { test in
            let answer = try await test.channel.unary(Test.echo.method, [1, 2, 3])
            #expect(answer == [1, 2, 3])
            let nothing = try await test.channel.unary(Test.echo.method, [])
            #expect(nothing == [])
        }
    }

    @Test func `a message of a megabyte goes both ways`() async throws {
        try await TestServer.with(Test.all) { test in
            let large = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 * 31) }
            let answer = try await test.channel.unary(Test.echo.method, large)
            #expect(answer == large)
        }
    }

    @Test func `a thousand calls at once answer each its own`() async throws {
        try await TestServer.with(Test.all) { test in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<1_000 {
                    group.addTask {
                        let message = Array("message \(number)".utf8)
                        return try await test.channel.unary(Test.echo.method, message) == message
                    }
                }
                for try await same in group { #expect(same) }
            }
        }
    }

    @Test func `a client stream is collected`() async throws {
        try await TestServer.with(Test.all) { test in
            let answer = try await test.channel.withCall(Test.collect.method) { call in
                for byte: UInt8 in 0..<100 { try await call.send([byte]) }
                try await call.finishSending()
                return try await call.responses.single()
            }
            #expect(answer == Array(0..<100))
        }
    }

    @Test func `a server stream arrives in order and ends`() async throws {
        try await TestServer.with(Test.all) { test in
            let messages = try await test.channel.withCall(Test.expand.method) { call in
                try await call.send(Array(0..<200))
                try await call.finishSending()
                var messages: [[UInt8]] = []
                for try await message in call.responses { messages.append(message) }
                return messages
            }
            #expect(messages == (0..<200).map { [$0] })
        }
    }

    @Test func `a chat goes back and forth`() async throws {
        try await TestServer.with(Test.all) { test in
            try await test.channel.withCall(Test.chat.method) { call in
                for round: UInt8 in 0..<50 {
                    try await call.send([round, 1])
                    #expect(try await call.responses.next() == [1, round])
                }
                try await call.finishSending()
                #expect(try await call.responses.next() == nil)
            }
        }
    }

    @Test func `metadata goes both ways, also as bytes`() async throws {
        let handler = RPCHandler(Test.method("Meta", .unary)) { requests, responses, call in
            var initial = Metadata()
            initial.append("x-initial", call.metadata.first("x-text") ?? "missing")
            await call.sendInitialMetadata(initial)
            var trailing = Metadata()
            for bytes in call.metadata.binary("x-data-bin") {
                trailing.appendBinary("x-back-bin", bytes.reversed())
            }
            call.setTrailingMetadata(trailing)
            try await responses.send(try await requests.single())
        }
        try await TestServer.with([handler]) { test in
            var options = CallOptions()
            options.metadata.append("x-text", "some text")
            options.metadata.appendBinary("x-data-bin", [0, 1, 255])
            options.metadata.appendBinary("x-data-bin", [9])
            try await test.channel.withCall(handler.method, options: options) { call in
                try await call.send([])
                try await call.finishSending()
                #expect(try await call.initialMetadata.first("x-initial") == "some text")
                _ = try await call.responses.single()
                #expect(await call.trailingMetadata.binary("x-back-bin") == [[255, 1, 0], [9]])
            }
        }
    }

    @Test func `a handler's status arrives whole`() async throws {
        let handler = RPCHandler(Test.method("Fail", .unary)) { _, _, _ in
            var metadata = Metadata()
            metadata.append("x-reason", "because")
            throw RPCError(
                .failedPrecondition, "100 % wrong: ☹\n", details: [1, 2, 3], metadata: metadata)
        }
        try await TestServer.with([handler]) { test in
            let error = await #expect(throws: RPCError.self) {
                try await test.channel.unary(handler.method, [])
            }
            #expect(error?.code == .failedPrecondition)
            #expect(error?.message == "100 % wrong: ☹\n")
            #expect(error?.details == [1, 2, 3])
            #expect(error?.metadata.first("x-reason") == "because")
        }
    }

    @Test func `a status may follow messages`() async throws {
        let handler = RPCHandler(Test.method("Late", .serverStreaming)) { _, responses, _ in
            try await responses.send([1])
            throw RPCError(.outOfRange, "no more")
        }
        try await TestServer.with([handler]) { test in
            try await test.channel.withCall(handler.method) { call in
                try await call.send([])
                try await call.finishSending()
                #expect(try await call.responses.next() == [1])
                let error = await #expect(throws: RPCError.self) {
                    try await call.responses.next()
                }
                #expect(error?.code == .outOfRange)
            }
        }
    }

    @Test func `an iterator hands out every message before the status`() async throws {
        let handler = RPCHandler(Test.method("Many", .serverStreaming)) { _, responses, _ in
            for number: UInt8 in 0..<200 { try await responses.send([number]) }
            throw RPCError(.dataLoss, "the end")
        }
        try await TestServer.with([handler]) { test in
            try await test.channel.withCall(handler.method) { call in
                try await call.send([])
                try await call.finishSending()
                var messages: [[UInt8]] = []
                let code = await RPCStatusCode.thrown {
                    for try await message in call.responses { messages.append(message) }
                }
                #expect(messages == (0..<200).map { [$0] })
                #expect(code == .dataLoss)
            }
        }
    }

    @Test func `any other error is INTERNAL with a reference and without its text`() async throws {
        struct Secret: Error { let text = "SELECT password" }
        let sink = RecordingSink()
        let handler = RPCHandler(Test.method("Bug", .unary)) { _, _, _ in throw Secret() }
        let logger = Logger(label: "test", sink: sink)
        try await TestServer.with([handler], logger: logger) { test in
            let error = await #expect(throws: RPCError.self) {
                try await test.channel.unary(handler.method, [])
            }
            #expect(error?.code == .internalError)
            #expect(error?.message.contains("password") == false)
            let reference = error?.message.split(separator: " ").last.map(String.init) ?? "none"
            let logged = sink.records.first { $0.fields[.errorReference] == .string(reference) }
            #expect(logged?.fields[.method] == "/test.Service/Bug")
        }
    }

    @Test func `unknown methods and services are UNIMPLEMENTED`() async throws {
        try await TestServer.with(Test.all) { test in
            for method in [
                Test.method("Nope", .unary), RPCMethod(service: "no.Such", name: "X", kind: .unary),
            ] {
                let code = await RPCStatusCode.thrown {
                    _ = try await test.channel.unary(method, [])
                }
                #expect(code == .unimplemented)
            }
        }
    }

    @Test func `a handler that answers a unary call twice, or not at all, is INTERNAL`()
        async throws
    {
        let twice = RPCHandler(Test.method("Twice", .unary)) { _, responses, _ in
            try await responses.send([1])
            try await responses.send([2])
        }
        let never = RPCHandler(Test.method("Never", .unary)) { _, _, _ in }
        try await TestServer.with([twice, never]) { test in
            for method in [twice.method, never.method] {
                let code = await RPCStatusCode.thrown {
                    _ = try await test.channel.unary(method, [])
                }
                #expect(code == .internalError)
            }
        }
    }
}

final class RecordingSink: LogSink {
    private let all = Lock<[LogRecord]>([])
    var records: [LogRecord] { all.withLock { $0 } }
    func write(_ record: LogRecord) { all.withLock { $0.append(record) } }
}
