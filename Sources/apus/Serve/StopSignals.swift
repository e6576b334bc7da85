import Dispatch
import Glibc

/// SIGTERM and SIGINT as a sequence: the first asks to stop in good order, the second at once.
///
/// One that comes with the first counts with it: `timeout` and others signal a process and its
/// whole group.
final class StopSignals {
    /// When each came.
    let received: AsyncStream<ContinuousClock.Instant>
    static let samePress: Duration = .milliseconds(500)

    private let sources: [any DispatchSourceSignal]

    init() {
        let (stream, continuation) = AsyncStream<ContinuousClock.Instant>.makeStream()
        received = stream
        sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(.now) }
            source.activate()
            return source
        }
    }

    deinit {
        for source in sources { source.cancel() }
    }
}
