import Telemetry
import Testing

@testable import EventService

@Suite struct ReadingAllowanceTests {
    /// What happened, in order.
    private final class Diary: Sendable {
        private let state = Lock<[String]>([])
        var entries: [String] { state.withLock { $0 } }
        func write(_ entry: String) { state.withLock { $0.append(entry) } }
    }

    /// Opens once.
    private final class Gate: Sendable {
        private let stream = AsyncStream<Never>.makeStream()
        func open() { stream.continuation.finish() }
        func wait() async { for await _ in stream.stream {} }
    }

    private static func until(_ condition: () -> Bool) async {
        while !condition() { await Task.yield() }
    }

    /// Holds 6 of 10 until told to end, while the body adds others.
    private func occupied(
        _ body:
            @escaping @Sendable (
                ReadingAllowance, Diary, inout ThrowingTaskGroup<Void, any Error>, Gate
            ) async throws -> Void
    ) async throws -> [String] {
        let (allowance, diary) = (ReadingAllowance(maxBytes: 10), Diary())
        let (entered, gate) = (Gate(), Gate())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await allowance.reading(6) {
                    entered.open()
                    await gate.wait()
                }
            }
            await entered.wait()
            try await body(allowance, diary, &group, gate)
            gate.open()
            try await group.waitForAll()
        }
        return diary.entries
    }

    @Test func `who finds no room waits in line, also with less than is free`() async throws {
        let entries = try await occupied { allowance, diary, group, gate in
            for (index, bytes) in [5, 2, 10].enumerated() {
                group.addTask { try await allowance.reading(bytes) { diary.write("\(bytes)") } }
                await Self.until { allowance.waitingCount == index + 1 }
            }
            #expect(diary.entries.isEmpty)
        }
        #expect(entries.count == 3 && entries.last == "10")
    }

    @Test func `who fits is let in at once`() async throws {
        let entries = try await occupied { allowance, diary, _, _ in
            try await allowance.reading(4) { diary.write("4") }
            #expect(diary.entries == ["4"])
        }
        #expect(entries == ["4"])
    }

    @Test func `who asks for more than there is gets all of it`() async throws {
        let allowance = ReadingAllowance(maxBytes: 10)
        let answer = try await allowance.reading(1_000) { 1 }
        #expect(answer == 1)
    }

    @Test func `who gives up is passed over, and holds nobody up`() async throws {
        let entries = try await occupied { allowance, diary, group, gate in
            let (waiting, gaveUp) = (Gate(), Gate())
            group.addTask {
                await withTaskGroup(of: Void.self) { inner in
                    inner.addTask {
                        do {
                            try await allowance.reading(10) { diary.write("10") }
                        } catch {
                            diary.write("gave up")
                        }
                    }
                    await waiting.wait()
                    inner.cancelAll()
                }
                gaveUp.open()
            }
            await Self.until { allowance.waitingCount == 1 }
            group.addTask { try await allowance.reading(3) { diary.write("3") } }
            await Self.until { allowance.waitingCount == 2 }
            waiting.open()
            await gaveUp.wait()
            // There is room for the one behind.
            await Self.until { diary.entries.contains("3") }
        }
        #expect(Set(entries) == ["gave up", "3"])
    }
}
