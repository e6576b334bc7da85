/// Writes records with constant messages; data goes into fields.
///
/// ```swift
/// logger.info("Subscription caught up", [.position: .init(position)])
/// ```
public struct Logger: Sendable {
    public let label: String
    public let level: LogLevel
    private let sink: any LogSink
    private let clock: any WallClock
    private let fields: [LogKey: LogValue]

    public init(
        label: String, level: LogLevel = .info, sink: any LogSink = StandardErrorSink.shared,
        clock: any WallClock = SystemWallClock()
    ) {
        self.init(label: label, level: level, sink: sink, clock: clock, fields: [:])
    }

    private init(
        label: String, level: LogLevel, sink: any LogSink, clock: any WallClock,
        fields: [LogKey: LogValue]
    ) {
        self.label = label
        self.level = level
        self.sink = sink
        self.clock = clock
        self.fields = fields
    }

    /// Says nothing: for tests and defaults.
    public static let silent = Logger(label: "silent", level: .critical, sink: NoLogSink())

    /// The same logger with fields of its own in every record.
    public func with(_ fields: [LogKey: LogValue]) -> Logger {
        Logger(
            label: label, level: level, sink: sink, clock: clock,
            fields: self.fields.merging(fields) { _, new in new })
    }

    /// The same logger for another part of the process.
    public func labelled(_ label: String) -> Logger {
        Logger(label: label, level: level, sink: sink, clock: clock, fields: fields)
    }

    /// Writes one record, unless its level is below the logger's; then `fields` is not evaluated.
    @inline(__always)
    public func log(
        _ level: LogLevel, _ message: StaticString, _ fields: @autoclosure () -> [LogKey: LogValue]
    ) {
        if level >= self.level { write(level, message, fields()) }
    }

    private func write(
        _ level: LogLevel, _ message: StaticString, _ fields: [LogKey: LogValue]
    ) {
        let all = self.fields.isEmpty ? fields : self.fields.merging(fields) { _, new in new }
        sink.write(
            LogRecord(
                time: clock.now(), level: level, label: label, message: message, fields: all))
    }
}

extension Logger {
    public func trace(
        _ message: StaticString, _ fields: @autoclosure () -> [LogKey: LogValue] = [:]
    ) { log(.trace, message, fields()) }

    public func debug(
        _ message: StaticString, _ fields: @autoclosure () -> [LogKey: LogValue] = [:]
    ) { log(.debug, message, fields()) }

    public func info(
        _ message: StaticString, _ fields: @autoclosure () -> [LogKey: LogValue] = [:]
    ) { log(.info, message, fields()) }

    public func notice(
        _ message: StaticString, _ fields: @autoclosure () -> [LogKey: LogValue] = [:]
    ) { log(.notice, message, fields()) }

    public func warning(
        _ message: StaticString, _ fields: @autoclosure () -> [LogKey: LogValue] = [:]
    ) { log(.warning, message, fields()) }

    public func error(
        _ message: StaticString, _ fields: @autoclosure () -> [LogKey: LogValue] = [:]
    ) { log(.error, message, fields()) }

    public func critical(
        _ message: StaticString, _ fields: @autoclosure () -> [LogKey: LogValue] = [:]
    ) { log(.critical, message, fields()) }
}
