import Events
import Postgres
import Testing

@testable import PostgresLog

@Suite struct GroupDeliveryTests {
    @Test func `members are handed every event once when they acknowledge`() async throws {
        try await TestLog.with { test in
            let node = GroupNode(test)
            try await node.create()
            for index in 0..<200 { _ = try await test.append(.test("s\(index % 20)")) }
            try await node.running {
                let taken = try await node.member(untilCaughtUp: true) { member in
                    try await member.take(1_000, acknowledging: true)
                }
                #expect(taken.count == 200)
                #expect(Set(taken.map(\.event.position)).count == 200)
                #expect(taken.allSatisfy { $0.attempt == 1 })
                var last: [String: Position] = [:]
                for delivery in taken {
                    let subject = delivery.event.subject
                    #expect(last[subject] ?? .zero < delivery.event.position)
                    last[subject] = delivery.event.position
                }
                let isDone = try await node.eventually {
                    try await node.status().lagEvents == 0
                }
                #expect(isDone)
            }
            let left = try await test.rows("select count(*) from apus.work")
            #expect(try left.only().int64(0) == 0)
            let lines = try await test.rows("select count(*) from apus.ledger where outcome = 2")
            #expect(try lines.only().int64(0) == 200)
        }
    }

    @Test func `a live event reaches a member that waits`() async throws {
        try await TestLog.with { test in
            let node = GroupNode(test)
            try await node.create()
            try await node.running {
                try await node.member { member in
                    for index in 0..<5 {
                        _ = try await test.append(.test("s\(index)"))
                        let taken = try await member.take(1, acknowledging: true)
                        #expect(taken.map(\.event.position) == [Position(UInt64(index + 1))])
                    }
                }
            }
        }
    }

    @Test func `what is refused comes again until it is a dead letter`() async throws {
        try await TestLog.with { test in
            let node = GroupNode(test)
            try await node.create { $0.maxAttempts = 3 }
            _ = try await test.append(.test("poison"), .test("other"))
            try await node.running {
                try await node.member { member in
                    var attempts: [Int] = []
                    while attempts.count < 3 {
                        for delivery in try await member.take(1) {
                            if delivery.event.subject == "poison" {
                                attempts.append(delivery.attempt)
                                _ = try await node.acknowledge([delivery], .retry, reason: "no")
                            } else {
                                _ = try await node.acknowledge([delivery])
                            }
                        }
                    }
                    #expect(attempts == [1, 2, 3])
                }
                try await expectEqual(node.status().deadLettered, 1)
                let isDone = try await node.eventually { try await node.status().lagEvents == 0 }
                #expect(isDone)
            }
            let kept = try await test.rows(
                "select d.reason, k.subject from apus.dead_letters d join apus.kept_events k"
                    + " on k.position = d.position")
            #expect(try kept.only().string(0) == "no")
            #expect(try kept.only().string(1) == "poison")
        }
    }

    @Test func `an unanswered delivery comes again after the deadline`() async throws {
        try await TestLog.with { test in
            let node = GroupNode(test)
            // Long enough to answer in, also on a busy machine.
            try await node.create { $0.ackDeadline = .seconds(5) }
            _ = try await test.append(.test())
            try await node.running {
                try await node.member { member in
                    let first = try await member.take(1)
                    let second = try await member.take(1)
                    #expect(second.map(\.attempt) == [2])
                    #expect(first[0].deliveryID == second[0].deliveryID)
                    #expect(first[0].deliveryID.hasSuffix("/1/\(first[0].event.id)"))
                    try await expectEqual(node.acknowledge(first), 1)
                    try await expectEqual(node.acknowledge(second), 0)
                    // It is finished.
                    try await expectEqual(node.acknowledge(second), 1)
                }
            }
        }
    }

    @Test func `released work comes again and the attempt does not count`() async throws {
        try await TestLog.with { test in
            let node = GroupNode(test)
            try await node.create()
            _ = try await test.append(.test())
            try await node.running {
                try await node.member { member in
                    for _ in 0..<4 {
                        let taken = try await member.take(1)
                        #expect(taken.map(\.attempt) == [1])
                        try await expectEqual(node.acknowledge(taken, .release), 0)
                    }
                }
            }
        }
    }

    @Test func `what a member leaves behind counts until it is handed out again`() async throws {
        try await TestLog.with { test in
            let node = GroupNode(test)
            try await node.create()
            _ = try await test.append(.test("a"), .test("b"))
            try await node.running {
                let left = try await node.member { try await $0.take(2) }
                try await expectEqual(node.acknowledge([left[0]]), 0)
                let again = try await node.member { try await $0.take(1) }
                #expect(again.map(\.event.position) == [left[1].event.position])
                #expect(again.map(\.attempt) == [2])
                try await expectEqual(node.acknowledge([left[1]]), 1)
            }
        }
    }
}
