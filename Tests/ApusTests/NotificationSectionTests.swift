import Configuration
import Events
import Handlers
import Testing
import Webhooks

@testable import apus

@Suite struct NotificationSectionTests {
    private static let receiver =
        "url: 'https://example.com/hook', secrets: [whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA]"

    @Test func `messages go to the log or to a webhook, in words of the file or built-in ones`()
        throws
    {
        let log = try #require(try read("notifications: {}").notifications)
        #expect(log.sink == .log && log.templates == NotificationTemplate.standard)
        let file = try read(
            """
            notifications:
              sink: webhook
              webhook: {\(Self.receiver), timeLimit: 5s, headers: {X-Team: sales}}
              templates:
                - {name: gone, type: order.shipped, title: "Order {order.number}"}
            """)
        guard case .webhook(let receiver)? = file.notifications?.sink else {
            Issue.record("no webhook")
            return
        }
        #expect(receiver.url.target == "example.com:443" && receiver.timeLimit == .seconds(5))
        #expect(receiver.headers.map(\.description) == ["X-Team: …"])
        #expect(file.notifications?.templates.map(\.name) == ["gone"])
    }

    @Test(arguments: [
        ("{sink: mail}", ["sink: must be log or webhook"]),
        ("{sink: webhook}", ["webhook: is missing"]),
        ("{sink: webhook, webhook: }", ["webhook: must be a mapping"]),
        ("{templates: }", ["templates: must be a list of 0 to 500"]),
        ("{webhook: {\(receiver)}}", ["webhook: has a meaning with sink: webhook only"]),
        ("{sink: log, webhook: {\(receiver)}}", ["webhook: has a meaning with sink: webhook only"]),
        (
            "{sink: webhook, webhook: {}}",
            ["webhook.url: is missing", "webhook.secrets: is missing"]
        ),
        (
            "{sink: webhook, webhook: {\(receiver), retry: {}}}",
            ["webhook.retry: is no key here"]
        ),
        (
            "{sink: webhook, webhook: {url: 'http://10.0.0.1/', secrets: [a]}}",
            [
                "webhook.url: must be an address of the public internet",
                "webhook.secrets[0]: must be whsec_",
            ]
        ),
    ])
    func `all that is wrong with notifications is told`(_ text: String, _ faults: [String]) throws {
        let error = try #require(throws: ConfigurationError.self) {
            try read("notifications: \(text)")
        }
        try #require(error.faults.count == faults.count, "\(error)")
        for (found, expected) in zip(error.faults, faults) {
            #expect("\(found.path): \(found.message)".hasPrefix("notifications.\(expected)"))
        }
    }

    @Test func `how the webhook is reached changes under the handler, the rest makes it anew`()
        throws
    {
        let first = try read("notifications: {sink: webhook, webhook: {\(Self.receiver)}}")
        let renewed: [String: Set<String>] = [
            "{sink: webhook, webhook: {\(Self.receiver), timeLimit: 1s}}": [],
            "{sink: log}": ["notification"],
            "{sink: webhook, webhook: {\(Self.receiver)}, templates: [{name: a, type: a.b, title: b}]}":
                ["notification"],
        ]
        for (text, expected) in renewed {
            let second = try read("notifications: \(text)")
            #expect(second.renewed(since: first) == expected, "\(text)")
            #expect(second.fixed(since: first) == [])
        }
        // Then there is none, or a new one, as the registry shows.
        #expect(try read("").renewed(since: first) == [])
        #expect(try first.renewed(since: read("")) == [])
    }

    private func read(_ text: String) throws -> ConfigurationFile {
        let shipped = try HandlerRegistry.shipped()
        return try ConfigurationReader.read(text: Array(text.utf8), named: "apus.yaml") { root in
            ConfigurationFile(root, shipped: shipped)
        }
    }
}
