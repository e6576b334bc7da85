import Telemetry
import Testing

@testable import Events

@Suite struct TurnstileTests {
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
                Turnstile, Diary, inout ThrowingTaskGroup<Void, any Error>, Gate
            ) async throws -> Void
    ) async throws -> [String] {
        let (turnstile, diary) = (Turnstile(room: 10), Diary())
        let (entered, gate) = (Gate(), Gate())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await turnstile.passing(6, of: nil) {
                    entered.open()
                    await gate.wait()
                }
            }
            await entered.wait()
            try await body(turnstile, diary, &group, gate)
            gate.open()
            try await group.waitForAll()
        }
        return diary.entries
    }

    @Test func `who finds no room waits in line, also with less than is free`() async throws {
        let entries = try await occupied { turnstile, diary, group, gate in
            for (index, bytes) in [5, 2, 10].enumerated() {
                group.addTask {
                    try await turnstile.passing(bytes, of: nil) { diary.write("\(bytes)") }
                }
                await Self.until { turnstile.waitingCount == index + 1 }
            }
            #expect(diary.entries.isEmpty)
        }
        #expect(entries.count == 3 && entries.last == "10")
    }

    @Test func `who fits is let in at once`() async throws {
        let entries = try await occupied { turnstile, diary, _, _ in
            try await turnstile.passing(4, of: nil) { diary.write("4") }
            #expect(diary.entries == ["4"])
        }
        #expect(entries == ["4"])
    }

    @Test func `who asks for more than there is gets all of it`() async throws {
        let turnstile = Turnstile(room: 10)
        let answer = try await turnstile.passing(1_000, of: nil) { 1 }
        #expect(answer == 1)
    }

    @Test func `who gives up is passed over, and holds nobody up`() async throws {
        let entries = try await occupied { turnstile, diary, group, gate in
            let (waiting, gaveUp) = (Gate(), Gate())
            group.addTask {
                await withTaskGroup(of: Void.self) { inner in
                    inner.addTask {
                        do {
                            try await turnstile.passing(10, of: nil) { diary.write("10") }
                        } catch {
                            diary.write("gave up")
                        }
                    }
                    await waiting.wait()
                    inner.cancelAll()
                }
                gaveUp.open()
            }
            await Self.until { turnstile.waitingCount == 1 }
            group.addTask { try await turnstile.passing(3, of: nil) { diary.write("3") } }
            await Self.until { turnstile.waitingCount == 2 }
            waiting.open()
            await gaveUp.wait()
            // There is room for the one behind.
            await Self.until { diary.entries.contains("3") }
        }
        #expect(Set(entries) == ["gave up", "3"])
    }
    @Test func `a tenant waits for one of another one's calls, not for all that wait`()
        async throws
    {
        let entries = try await occupied { turnstile, diary, group, gate in
            for (index, tenant) in ["many", "many", "many", "few"].enumerated() {
                group.addTask {
                    try await turnstile.passing(10, of: TenantID(unchecked: tenant)) {
                        diary.write(tenant)
                    }
                }
                await Self.until { turnstile.waitingCount == index + 1 }
            }
        }
        #expect(entries == ["many", "few", "many", "many"])
    }
}
