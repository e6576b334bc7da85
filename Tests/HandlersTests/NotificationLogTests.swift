import Foundation
import Telemetry
import TestSupport
import Testing

@testable import Handlers

@Suite struct NotificationLogTests {
    @Test(arguments: [
        String(repeating: "\"quoted\" ", count: 3_000), String(repeating: "ü€𝄞", count: 9_000),
        String(repeating: "\u{2028}", count: 20_000), "short",
    ])
    func `a message in the log is JSON, however long it is`(_ words: String) async throws {
        let sink = RecordingSink()
        let notification = EventNotification(
            id: "handler/notification/7", tenant: "acme", eventID: "e", eventType: "order.paid",
            template: "paid", to: words, title: words, text: words, html: words)
        try await Handlers.LogSink(logger: Logger(label: "n", level: .notice, sink: sink))
            .send(notification)
        let record = try #require(sink.records.first)
        let line = try Self.object(LogFormat.json.line(for: record))
        let message = try Self.object(try #require(line["notification.message"] as? String))
        #expect(message.count == 9 && message["id"] as? String == notification.id)
        for name in ["to", "title", "text", "html"] {
            let told = try #require(message[name] as? String)
            let isWhole = told == words
            #expect(isWhole || told.last == "…" && words.hasPrefix(told.dropLast()), "\(name)")
            #expect(told.count >= 5)
        }
    }

    private static func object(_ json: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    }
}
