import EventProtos
import Protobuf

/// The flags that choose events.
enum FilterFlags {
    static let all: [Flag] = [
        .list("type", "PATTERN", "Types; * is one segment, a last ** one or more."),
        .value("subject-prefix", "TEXT", "Subjects that begin so."),
        .list("source", "NAME", "Sources."),
        .list("kind", "KIND", "domain, system or integration."),
        .toggle("all-tenants", "Events of every tenant that the caller may see."),
    ]

    /// - Parameter types: Patterns given as operands.
    static func filter(
        _ arguments: ParsedArguments, types: [String] = []
    ) throws(UsageError) -> ApusV1.Filter {
        var filter = ApusV1.Filter()
        filter.types = types + arguments.list("type")
        filter.subjectPrefix = arguments.string("subject-prefix") ?? ""
        filter.sources = arguments.list("source")
        filter.kinds = try arguments.list("kind").map { name throws(UsageError) in
            switch name {
            case "domain": return .domain
            case "system": return .system
            case "integration": return .integration
            default: throw UsageError("--kind must be domain, system or integration")
            }
        }
        if arguments.isSet("all-tenants") { filter.tenants = ["*"] }
        return filter
    }

    static func statuses(_ names: [String]) throws(UsageError) -> [ApusV1.EventStatus] {
        try names.map { name throws(UsageError) in
            switch name.lowercased() {
            case "pending": return .pending
            case "processing": return .processing
            case "processed": return .processed
            case "failed": return .failed
            default: throw UsageError("--status must be pending, processing, processed or failed")
            }
        }
    }

    /// A moment in RFC 3339, read as protobuf's JSON reads it.
    static func time(
        _ name: String, _ arguments: ParsedArguments
    ) throws(UsageError) -> GoogleProtobuf.Timestamp? {
        guard let text = arguments.string(name) else { return nil }
        do {
            return try GoogleProtobuf.Timestamp(json: "\"\(text)\"", pool: EventCatalogue.pool)
        } catch {
            throw UsageError("--\(name) must be a moment such as 2026-01-31T12:00:00Z")
        }
    }
}
