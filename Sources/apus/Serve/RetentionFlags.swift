import PostgresLog

/// How much of the log is kept, as flags.
enum RetentionFlags {
    static let flags: [Flag] = [
        .value(
            "retention-age", "DURATION",
            "Drops events that are older, such as 30d; what a consumer still needs stays, with a"
                + " warning; default: keeps all."),
        .value(
            "retention-bytes", "BYTES",
            "Drops the oldest events while all take more on disk, such as 50GiB; likewise."),
        .value(
            "retention-hard-age", "DURATION",
            "Drops events that are older, also those that a consumer still needs."),
        .value("retention-hard-bytes", "BYTES", "Likewise, by size."),
        .value(
            "ledger-retention", "DURATION",
            "Forgets deliveries that are older; default: keeps all."),
        .value(
            "partition-events", "COUNT",
            "Events in one partition, which is dropped as a whole; default: about a tenth of what"
                + " is kept, 10000 to 1000000."),
    ]

    private static let sizes: ClosedRange<Int64> = (1 << 20)...(1 << 60)

    static func policy(_ arguments: ParsedArguments) throws(UsageError) -> RetentionPolicy {
        var policy = RetentionPolicy()
        policy.age = try duration(arguments, "retention-age")
        policy.bytes = try arguments.bytes("retention-bytes", in: sizes)
        policy.hardAge = try duration(arguments, "retention-hard-age")
        policy.hardBytes = try arguments.bytes("retention-hard-bytes", in: sizes)
        policy.ledgerAge = try duration(arguments, "ledger-retention")
        if let age = policy.age, let hard = policy.hardAge, hard < age {
            throw UsageError("--retention-hard-age must not be below --retention-age")
        }
        if let bytes = policy.bytes, let hard = policy.hardBytes, hard < bytes {
            throw UsageError("--retention-hard-bytes must not be below --retention-bytes")
        }
        return policy
    }

    private static func duration(
        _ arguments: ParsedArguments, _ name: String
    ) throws(UsageError) -> Duration? {
        guard let given = try arguments.duration(name) else { return nil }
        guard given > .zero else { throw UsageError("--\(name) must be above zero") }
        return given
    }
}
