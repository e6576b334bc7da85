import Events
import Postgres
import Telemetry

@testable import PostgresLog

/// Knows the messages of ``NewEvent/test(_:id:content:tenant:type:source:kind:data:)``; data that
/// begins with 255 is not of them.
struct TestSchemas: SchemaCatalogue {
    var eventTypes: [EventTypeInfo] { [] }

    func eventType(forMessage name: String) -> EventTypeInfo? {
        guard name.hasPrefix("test.") else { return nil }
        return EventTypeInfo(
            type: String(name.dropFirst(5)), version: 1, kind: .domain, message: name)
    }

    func message(forType type: String, version: UInt32) -> String? { "test.\(type)" }

    func check(_ data: [UInt8], message name: String) -> FieldViolation? {
        data.first == 255 ? FieldViolation(field: "name", description: "must be text") : nil
    }
}

extension TestLog {
    /// An event's payload for `public.events`; subjects that begin with `odd` have one that Postgres
    /// does not take.
    static func json(of event: RecordedEvent) -> String? {
        guard !event.subject.hasPrefix("odd") else { return #"{"a":"\u0000"}"# }
        return event.data.first == 255 ? nil : #"{"subject":"\#(event.subject)"}"#
    }

    /// What `apus verify` finds.
    func verify() async throws -> (summary: LogVerifier.Summary, findings: [String]) {
        let findings = Lock<[String]>([])
        let verifier = LogVerifier(
            pool: pool, schemas: TestSchemas(), json: Self.json(of:),
            found: { finding in
                findings.withLock { $0.append("\(finding.kind): \(finding)") }
            })
        let summary = try await verifier.run()
        return (summary, findings.withLock { $0 })
    }
}
