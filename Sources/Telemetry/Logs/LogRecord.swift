/// One thing the process says about itself.
public struct LogRecord: Sendable {
    public let time: UnixTime
    public let level: LogLevel
    /// The part of the process that speaks.
    public let label: String
    public let message: StaticString
    public let fields: [LogKey: LogValue]

    public init(
        time: UnixTime, level: LogLevel, label: String, message: StaticString,
        fields: [LogKey: LogValue]
    ) {
        self.time = time
        self.level = level
        self.label = label
        self.message = message
        self.fields = fields
    }
}

/// Where records go.
public protocol LogSink: Sendable {
    func write(_ record: LogRecord)
}

/// Drops every record.
public struct NoLogSink: LogSink {
    public init() {}
    public func write(_ record: LogRecord) {}
}
