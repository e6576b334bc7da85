import EventService
import Events
import Handlers
import IO
import Postgres
import PostgresLog
import Telemetry

struct VerifyCommand: Command {
    static let syntax = CommandSyntax(
        "verify", summary: "Checks a log: that nothing is missing, changed or contradicts itself.",
        discussion: """
            Reads every event, also beside nodes that are serving: positions, partitions, ids, data against its schema,
            checksums, what public.events shows, the audit trail, and the books of handlers and groups. Exit code 1 when
            something is wrong.
            """,
        flags: [
            .value("database", "URI", "A Postgres 15 of yours."),
            .value(
                "data-dir", "PATH",
                "Of a private Postgres; default \(StorePlace.defaultDataDirectory)."),
            .value("limit", "COUNT", "Problems to print; all are counted; default 1000."),
            .toggle("json", "Prints JSON: a line for each problem, then what was checked."),
        ])

    /// Larger than any event that a node may have been told to take.
    private static let maxEventBytes = 64 << 20

    private let place: StorePlace
    private let limit: Int
    private let json: Bool

    init(_ arguments: ParsedArguments) throws(UsageError) {
        place = try StorePlace(arguments)
        limit = try arguments.integer("limit", in: 0...1_000_000_000) ?? 1_000
        json = arguments.isSet("json")
    }

    func run(_ terminal: Terminal) async throws {
        let loops = try IOLoopGroup(count: 1)
        defer { loops.stop() }
        let logger = Logger(label: "verify", level: .warning)
        let store = try await Store.openExisting(place, logger: logger)
        let summary: LogVerifier.Summary
        do {
            try await store.checkTables(on: loops.loops[0], logger: logger)
            summary = try await verify(store, loops, terminal, logger)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
        terminal.print(json ? Self.json(summary) : Self.text(summary))
        guard summary.findings == 0 else {
            throw CommandFailure(EventText.count(summary.findings, "problem"))
        }
    }

    private func verify(
        _ store: Store, _ loops: IOLoopGroup, _ terminal: Terminal, _ logger: Logger
    ) async throws -> LogVerifier.Summary {
        var configuration = store.configuration
        configuration.applicationName = "apus verify"
        configuration.statementTimeout = nil
        let pool = PostgresPool(configuration, size: 1, loops: loops, logger: logger)
        let printed = Lock(0)
        let schemas = Schemas(maxEventBytes: Self.maxEventBytes)
        let verifier = LogVerifier(
            pool: pool, schemas: schemas, json: { schemas.json(of: $0) },
            readAuditHead: { AuditEvents.head(of: $0) },
            found: { finding in
                let isWithin = printed.withLock { count in
                    count += 1
                    return count <= limit
                }
                guard isWithin else { return }
                terminal.progress("")
                terminal.print(json ? Self.json(finding) : "\(finding)")
            },
            progress: { terminal.progress(Self.text($0)) })
        return try await withThrowingTaskGroup(of: LogVerifier.Summary?.self) { group in
            group.addTask {
                try await pool.run()
                return nil
            }
            group.addTask { try await verifier.run() }
            defer {
                group.cancelAll()
                terminal.progress("")
            }
            while let summary = try await group.next() {
                if let summary { return summary }
            }
            throw CancellationError()
        }
    }

    private static func text(_ progress: LogVerifier.Progress) -> String {
        switch progress {
        case .events(let position, let head): "events: position \(position) of \(head)"
        case .identities(let count): "identities: \(count)"
        case .appends: "appends"
        case .audit(let position): "audit trail: position \(position)"
        case .consumers: "consumers"
        case .ledger: "ledger"
        }
    }

    private static func text(_ summary: LogVerifier.Summary) -> String {
        var text = EventText.count(summary.events, "event")
        if summary.events > 0 { text += ", positions \(summary.first) to \(summary.last)" }
        text += ", " + EventText.count(summary.identities, "id")
        if summary.withoutChecksum > 0 {
            text += "; \(summary.withoutChecksum) events of older releases have no checksum"
        }
        if summary.unknownSchemas > 0 {
            text += "; the schemas of \(summary.unknownSchemas) are not known here"
        }
        if summary.waiting > 0 { text += "; \(summary.waiting) events are in the outbox" }
        if summary.rejects > 0 {
            text += "; \(summary.rejects) events were rejected, see apus.outbox_rejects"
        }
        return text + (summary.findings == 0 ? "; all is well" : "")
    }

    private static func json(_ summary: LogVerifier.Summary) -> String {
        """
        {"events":\(summary.events),"first_position":"\(summary.first)",\
        "last_position":"\(summary.last)","ids":\(summary.identities),\
        "without_checksum":\(summary.withoutChecksum),\
        "unknown_schemas":\(summary.unknownSchemas),"outbox":\(summary.waiting),\
        "outbox_rejects":\(summary.rejects),"audited":\(summary.audited),\
        "audit_heads":\(summary.auditHeads),"problems":\(summary.findings)}
        """
    }

    private static func json(_ finding: LogFinding) -> String {
        var text = #"{"problem":"\#(finding.kind.rawValue)""#
        if let position = finding.position { text += #","position":"\#(position)""# }
        if let id = finding.id { text += #","event_id":"\#(id)""# }
        text += #","message":"#
        text.append(jsonString: finding.message)
        return text + "}"
    }
}
