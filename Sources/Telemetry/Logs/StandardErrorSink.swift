import Glibc

/// One line a record on standard error.
///
/// A line leaves in one `write` call under a lock, so that lines never mix. A reader that stopped
/// reading a pipe would block the writer: a line that cannot be written at all is dropped.
public final class StandardErrorSink: LogSink {
    public static let shared = StandardErrorSink()

    private let format: LogFormat
    private let turn = Lock(())

    public init(format: LogFormat = .text) { self.format = format }

    public func write(_ record: LogRecord) {
        var line = format.line(for: record)
        turn.withLock { _ in
            line.withUTF8 { bytes in
                var rest = UnsafeRawBufferPointer(bytes)
                while !rest.isEmpty {
                    let written = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
                    if written < 0 && errno == EINTR { continue }
                    guard written > 0 else { return }
                    rest = UnsafeRawBufferPointer(rebasing: rest[written...])
                }
            }
        }
    }
}
