import Configuration
import Events
import Handlers
import Testing
import Webhooks

@testable import apus

@Suite struct WebhookSectionTests {
    private static let secret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    private static let complete =
        "name: a, url: 'https://example.com/', types: [a.*], secrets: [\(secret)]"

    @Test func `an endpoint says what is sent to it, and how`() throws {
        let file = try read(
            """
            webhooks:
              - name: orders
                url: https://example.com/hook
                types: [order.*, payment.**]
                tenants: [acme]
                mode: structured
                secrets: [\(Self.secret)]
                headers: {X-Api-Key: "12"}
                concurrency: 2
                timeLimit: 5s
                retry: {maxAttempts: 3}
                ordering: none
                allowPrivateAddresses: true
                tls: {issuers: /etc/ca.pem}
            """)
        let endpoint = try #require(file.webhooks.first)
        #expect(endpoint.name == "orders")
        #expect(endpoint.receiver.url.target == "example.com:443")
        #expect(endpoint.types.map(\.text) == ["order.*", "payment.**"])
        #expect(endpoint.tenants == Set([TenantID(unchecked: "acme")]))
        #expect(endpoint.mode == .structured)
        #expect(endpoint.receiver.secrets == [WebhookSecret(Self.secret)].compactMap(\.self))
        #expect(endpoint.receiver.headers.map(\.description) == ["X-Api-Key: …"])
        #expect(endpoint.options.concurrency == 2)
        #expect(endpoint.receiver.timeLimit == .seconds(5))
        #expect(endpoint.options.retry == RetryPolicy(maxAttempts: 3))
        #expect(endpoint.options.ordering == HandlerOrdering.none)
        #expect(endpoint.receiver.allowsPrivateAddresses)
        #expect(endpoint.receiver.trustRoots == "/etc/ca.pem")
    }

    @Test func `an endpoint that is switched off is checked and left out`() throws {
        #expect(try read("webhooks: [{\(Self.complete), enabled: false}]").webhooks.isEmpty)
        #expect(throws: ConfigurationError.self) {
            try read("webhooks: [{\(Self.complete), enabled: false, mode: loud}]")
        }
    }

    @Test(arguments: [
        (
            "{}",
            [
                "name: is missing", "url: is missing", "types: is missing",
                "secrets: is missing, and so is secretFiles",
            ]
        ),
        (
            // What stood there may be commented out: nothing is neither no secret nor every tenant.
            "{name: a, url: 'https://example.com/', types: , secrets: , tenants: , tls: }",
            [
                "types: must be a list of 1 to 100", "secrets: must be a list of 1 to 10",
                "tenants: must be a list of 0 to 1000", "tls: must be a mapping",
            ]
        ),
        ("{\(complete), name2: b}", ["name2: is no key here"]),
        ("{\(complete), timeLimit: 1h}", ["timeLimit: must be a duration from 100ms to 10m"]),
        ("{\(complete), headers: {Host: x}}", ["headers.Host: must be 1 to 4096 visible"]),
        ("{\(complete), headers: {X-A: \"a\\nb\"}}", ["headers.X-A: must be 1 to 4096 visible"]),
        ("{\(complete), tenants: [a/b]}", ["tenants[0]: must be a tenant"]),
        ("{\(complete), mode: loud}", ["mode: must be binary or structured"]),
        (
            "{name: A, url: ftp://a, types: [A.b], secrets: [whsec_]}",
            [
                "name: must match", "url: must be a URL", "types[0]: must be a pattern",
                "secrets[0]: must be whsec_",
            ]
        ),
        (
            "{name: a, url: 'http://127.0.0.1/', types: [], secrets: []}",
            [
                "url: must be an address of the public internet",
                "types: must be a list of 1 to 100",
                "secrets: must be a list of 1 to 10",
            ]
        ),
    ])
    func `all that is wrong with an endpoint is told`(_ text: String, _ faults: [String]) throws {
        let error = try #require(throws: ConfigurationError.self) {
            try read("webhooks: [\(text)]")
        }
        try #require(error.faults.count == faults.count, "\(error)")
        for (found, expected) in zip(error.faults, faults) {
            #expect("\(found.path): \(found.message)".hasPrefix("webhooks[0].\(expected)"))
        }
        #expect(!"\(error)".contains("AAAA"))
    }

    @Test func `a name is one webhook's or one handler's`() throws {
        let error = try #require(throws: ConfigurationError.self) {
            try read(
                """
                webhooks:
                  - {\(Self.complete)}
                  - {\(Self.complete)}
                  - {\(Self.complete.replacing("name: a", with: "name: lead-analytics"))}
                """)
        }
        #expect(error.faults.map(\.path) == ["webhooks[1].name", "webhooks[2].name"])
    }

    @Test func `nothing of an endpoint needs a restart`() throws {
        let first = try read("webhooks: [{\(Self.complete)}]")
        let changes = [
            "mode: structured", "timeLimit: 1s", "allowPrivateAddresses: true",
            "headers: {X-A: b}", "tenants: [a]", "concurrency: 1", "retry: {maxAttempts: 1}",
            "ordering: none", "enabled: false",
        ]
        for change in changes {
            let second = try read("webhooks: [{\(Self.complete), \(change)}]")
            #expect(second.webhooks != first.webhooks, "\(change)")
            #expect(second.fixed(since: first) == [] && second.renewed(since: first) == [])
        }
    }

    private func read(_ text: String) throws -> ConfigurationFile {
        let shipped = try HandlerRegistry.shipped()
        return try ConfigurationReader.read(text: Array(text.utf8), named: "apus.yaml") { root in
            ConfigurationFile(root, shipped: shipped)
        }
    }
}
