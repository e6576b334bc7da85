import Compression
import IO
import Telemetry
import Testing

@testable import GRPC

/// What compressed messages cost the calls beside them.
@Suite struct UnpackingLineTests {
    private static let large = [UInt8](repeating: 7, count: 280_000)
    private static let small = [UInt8](repeating: 7, count: 400)
    /// Connections.
    private static let one = ObjectIdentifier(Int.self)
    private static let other = ObjectIdentifier(String.self)

    /// Runs on a loop until `expected` messages were told of.
    private func told(
        _ expected: Int, _ body: @escaping @Sendable (IOLoop, Told, UnpackingLine) -> Void
    ) async throws -> Told {
        let loop = try IOLoop(name: "unpack")
        defer { loop.stop() }
        let told = Told()
        loop.execute { body(loop, told, UnpackingLine(loop)) }
        await until { told.names.count == expected }
        return told
    }

    /// Who was told, in order.
    private final class Told: Sendable {
        private let state = Lock<[String]>([])
        var names: [String] { state.withLock { $0 } }
        func add(_ name: String) { state.withLock { $0.append(name) } }
    }

    private static func message(
        _ contents: [UInt8], _ tell: @escaping () -> Void = {}
    ) -> Unpacking {
        Unpacking(
            CompressionFormat.gzip.compress(contents), .gzip, maxMessageBytes: 1 << 20, tell: tell)
    }

    @Test func `a small message is there at once`() async throws {
        _ = try await told(1) { _, told, line in
            for _ in 0..<20 {
                let message = Self.message(Self.small) { told.add("never") }
                line.add(message, of: Self.one)
                let contents = try? message.outcome?.get()
                #expect(contents == Self.small)
            }
            told.add("done")
        }
    }

    @Test func `a large message takes several turns, and who comes later waits for it`()
        async throws
    {
        let told = try await told(2) { _, told, line in
            let first = Self.message(Self.large) { told.add("large") }
            let second = Self.message(Self.small) { told.add("small") }
            line.add(first, of: Self.one)
            line.add(second, of: Self.other)
            #expect(first.outcome == nil && second.outcome == nil)
        }
        #expect(told.names == ["large", "small"])
    }

    @Test func `many messages of one connection make another's wait for one of them`()
        async throws
    {
        let told = try await told(6) { _, told, line in
            for index in 0..<4 {
                line.add(Self.message(Self.large) { told.add("large \(index)") }, of: Self.one)
            }
            for index in 0..<2 {
                line.add(Self.message(Self.small) { told.add("small \(index)") }, of: Self.other)
            }
        }
        #expect(
            told.names == ["large 0", "large 1", "small 0", "large 2", "small 1", "large 3"])
    }

    @Test func `the loop turns while a large message is unpacked`() async throws {
        let turns = Tally()
        _ = try await told(1) { loop, told, line in
            let message = Self.message(Self.large) { told.add("large") }
            line.add(message, of: Self.one)
            loop.atTurnEnd(TurnCounter(loop, turns) { message.outcome != nil })
        }
        #expect(turns.value >= 3)
    }

    /// Counts the loop's turns until something has happened.
    private final class TurnCounter: TurnEndHandler {
        private let loop: IOLoop
        private let turns: Tally
        private let isOver: () -> Bool

        init(_ loop: IOLoop, _ turns: Tally, until isOver: @escaping () -> Bool) {
            self.loop = loop
            self.turns = turns
            self.isOver = isOver
        }

        func turnEnded() {
            guard !isOver() else { return }
            turns.add()
            loop.atTurnEnd(self)
        }
    }

    @Test func `whoever gave up is passed over`() async throws {
        let told = try await told(1) { _, told, line in
            let first = Self.message(Self.large) { told.add("given up") }
            let second = Self.message(Self.small) { told.add("given up") }
            let third = Self.message(Self.large) { told.add("third") }
            for message in [first, second, third] { line.add(message, of: Self.one) }
            first.cancel()
            second.cancel()
        }
        #expect(told.names == ["third"])
    }
}
