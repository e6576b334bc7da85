import Telemetry
import TestSupport

@testable import Events

/// Books that hold nothing and keep nothing: a test writes down what its own do otherwise.
protocol SilentBooks: ConsumerBooks {}

extension SilentBooks {
    func beat(_ node: String, for time: Duration, members: [ConsumerMembers]) async throws {}
    func end(_ node: String) async throws {}
    func survey(_ consumers: [Int32]) async throws -> [ConsumerSurvey] { [] }
    func take(
        _ partitions: [Int], of consumer: Int32, version: Int64, node: String
    ) async throws -> [TakenPartition] { [] }
    func commit(_ batch: ConsumerBatch) async throws -> BatchAnswer { BatchAnswer() }
    func remarks(_ consumer: Int32, partitions: [Int]) async throws -> [Remark] { [] }
    func revivals(
        _ consumer: Int32, partitions: [Int], within time: Duration, room: RevivalRoom
    ) async throws -> [Remark] { [] }
    func remark(_ consumer: Int32, _ answers: [TokenAnswer]) async throws -> [Bool] { [] }
    func events(at positions: [Position]) async throws -> [RecordedEvent] { [] }
}

extension ConsumerDefinition {
    /// A handler's, which gets everything; with a deadline a group's.
    static func sample(
        _ number: Int32 = 1, ackDeadline: Duration? = nil
    ) -> ConsumerDefinition {
        ConsumerDefinition(
            consumer: number, version: 1, title: "handler/sample-\(number)", filter: .everything,
            rules: ConsumerRules(
                holdsKeys: false, maxAttempts: 5, ackDeadline: ackDeadline, isShared: true),
            refreshed: { nil }, gone: .handlerNotFound("sample"))
    }
}

extension ConsumerEngine.Environment {
    /// On the node `one`, beside a log in which nothing is yet.
    static func sample(_ books: any ConsumerBooks, _ clock: ManualClock) -> Self {
        let log = ScriptedLog()
        return Self(
            books: books, log: log, tail: EventTail(log: log, clock: clock), node: "one",
            time: Timekeeper(clock), wallClock: clock.wall, logger: .silent, tell: {},
            lookAgain: {})
    }
}
