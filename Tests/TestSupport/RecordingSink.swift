public import Telemetry

/// Keeps log records for a test to look at.
public final class RecordingSink: LogSink {
    private let state = Lock<[LogRecord]>([])

    public init() {}

    public func write(_ record: LogRecord) { state.withLock { $0.append(record) } }

    public var records: [LogRecord] { state.withLock { $0 } }

    public var messages: [String] { records.map { "\($0.message)" } }
}
