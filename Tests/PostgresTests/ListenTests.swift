import Postgres
import TestSupport
import Testing

@Suite struct ListenTests {
    @Test func `notifications arrive in order, also on an idle connection`() async throws {
        try await withConnection { listener in
            let stream = try await listener.listen("hints")
            try await withConnection(to: listener.configuration) { sender in
                for number in 0..<5 {
                    _ = try await sender.execute(
                        sql("SELECT pg_notify('hints', $1)"), [.text("\(number)")])
                }
            }
            var seen: [String] = []
            for await notification in stream {
                #expect(notification.channel == "hints")
                seen.append(notification.payload)
                if seen.count == 5 { break }
            }
            #expect(seen == ["0", "1", "2", "3", "4"])
        }
    }

    @Test func `the stream ends with the connection`() async throws {
        try await withConnection { listener in
            let stream = try await listener.listen("odd \"name\"")
            let pid = await listener.backendPID
            try await withConnection(to: listener.configuration) { other in
                _ = try await other.execute(sql("SELECT pg_terminate_backend($1)"), [.int4(pid)])
            }
            for await _ in stream { Issue.record("no notification was sent") }
            #expect(await !listener.isOpen)
        }
    }
}
