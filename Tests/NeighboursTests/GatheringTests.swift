import Events
import Telemetry
import Testing

@testable import Neighbours

/// Tasks whose requests go together.
@Suite struct GatheringTests {
    private typealias Numbers = Gathering<Int, String>

    private static func answers(_ items: [Int]) -> [Result<String, any Error>] {
        items.map { .success("\($0)") }
    }

    private static func gathering(maxWaiting: Int = 100) -> Numbers {
        var limits = GatheringState.Limits()
        limits.maxWaiting = maxWaiting
        return Numbers(.mcpEngine, limits: limits, metrics: MetricsRegistry())
    }

    /// Enters it and waits until it is waited for.
    private static func add(
        _ item: Int, to gathering: Numbers, _ group: inout ThrowingTaskGroup<String, any Error>,
        _ call: @escaping Numbers.Call
    ) async {
        let before = gathering.waiting
        group.addTask {
            try await gathering.answer(to: item, group: "a", lane: nil, bytes: 1, call)
        }
        while gathering.waiting == before { await Task.yield() }
    }

    @Test func `each gets its own answer, from one call for all that wait`() async throws {
        let gathering = Self.gathering()
        let gate = Gate()
        let calls = Recorder<[Int]>()
        let call: Numbers.Call = { items in
            calls.add(items)
            await gate.pass()
            return Self.answers(items)
        }
        let answers = try await withThrowingTaskGroup(of: String.self) { group in
            group.addTask {
                try await gathering.answer(to: 0, group: "a", lane: nil, bytes: 1, call)
            }
            await gate.untilEntered(1)
            for item in 1...5 { await Self.add(item, to: gathering, &group, call) }
            gate.open()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.sorted() == ["0", "1", "2", "3", "4", "5"])
        #expect(calls.all == [[0], [1, 2, 3, 4, 5]])
        #expect(gathering.isIdle)
    }

    @Test func `one that fails fails alone`() async throws {
        let gathering = Self.gathering()
        let gate = Gate()
        let call: Numbers.Call = { items in
            await gate.pass()
            return items.map { $0 == 1 ? .failure(HandlerError.permanent("odd")) : .success("") }
        }
        await withThrowingTaskGroup(of: String.self) { group in
            group.addTask {
                try await gathering.answer(to: 0, group: "a", lane: nil, bytes: 1, call)
            }
            await gate.untilEntered(1)
            await Self.add(1, to: gathering, &group, call)
            await Self.add(2, to: gathering, &group, call)
            gate.open()
            var failures = 0
            while let result = await group.nextResult() {
                if case .failure = result { failures += 1 }
            }
            #expect(failures == 1)
        }
        #expect(gathering.isIdle)
    }

    @Test func `when the task that calls is cancelled another one calls`() async throws {
        let gathering = Self.gathering()
        let gates = [Gate(), Gate(), Gate(isOpen: true)]
        let calls = Recorder<[Int]>()
        let call: Numbers.Call = { items in
            calls.add(items)
            await gates[min(calls.all.count - 1, 2)].pass()
            try Task.checkCancellation()
            return Self.answers(items)
        }
        try await withThrowingTaskGroup(of: String.self) { group in
            group.addTask {
                try await gathering.answer(to: 0, group: "a", lane: nil, bytes: 1, call)
            }
            await gates[0].untilEntered(1)
            let doomed = Task {
                try await gathering.answer(to: 1, group: "a", lane: nil, bytes: 1, call)
            }
            while gathering.waiting == 0 { await Task.yield() }
            await Self.add(2, to: gathering, &group, call)
            await Self.add(3, to: gathering, &group, call)
            gates[0].open()
            await gates[1].untilEntered(1)
            doomed.cancel()
            let cancelled = await doomed.result
            #expect(throws: CancellationError.self) { try cancelled.get() }
            var answers: [String] = []
            for try await answer in group { answers.append(answer) }
            #expect(answers.sorted() == ["0", "2", "3"])
        }
        #expect(calls.all == [[0], [1, 2, 3], [2, 3]])
        #expect(gathering.isIdle)
    }

    @Test func `a task can be cancelled while it waits or is called for`() async throws {
        let gathering = Self.gathering()
        let gates = [Gate(), Gate()]
        let calls = Recorder<[Int]>()
        let call: Numbers.Call = { items in
            calls.add(items)
            await gates[min(calls.all.count - 1, 1)].pass()
            return Self.answers(items)
        }
        let first = Task {
            try await gathering.answer(to: 0, group: "a", lane: nil, bytes: 1, call)
        }
        await gates[0].untilEntered(1)
        var others: [Task<String, any Error>] = []
        for item in 1...3 {
            others.append(
                Task { try await gathering.answer(to: item, group: "a", lane: nil, bytes: 1, call) }
            )
            while gathering.waiting < item { await Task.yield() }
        }
        others[0].cancel()
        let waited = await others[0].result
        #expect(throws: CancellationError.self) { try waited.get() }
        gates[0].open()
        await gates[1].untilEntered(1)
        others[2].cancel()
        let underWay = await others[2].result
        #expect(throws: CancellationError.self) { try underWay.get() }
        gates[1].open()
        let answers = [try await first.value, try await others[1].value]
        #expect(answers == ["0", "2"])
        #expect(calls.all == [[0], [2, 3]])
        #expect(gathering.isIdle)
    }

    @Test func `more than may wait are turned away for now`() async throws {
        let gathering = Self.gathering(maxWaiting: 1)
        let gate = Gate()
        let call: Numbers.Call = { items in
            await gate.pass()
            return Self.answers(items)
        }
        try await withThrowingTaskGroup(of: String.self) { group in
            group.addTask {
                try await gathering.answer(to: 0, group: "a", lane: nil, bytes: 1, call)
            }
            await gate.untilEntered(1)
            await Self.add(1, to: gathering, &group, call)
            let error = try await HandlerError.thrown {
                _ = try await gathering.answer(to: 2, group: "a", lane: nil, bytes: 1, call)
            }
            #expect(error?.kind == .transient)
            gate.open()
            try await group.waitForAll()
        }
    }
}
