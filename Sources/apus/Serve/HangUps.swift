import Dispatch
import Glibc

/// SIGHUP as a sequence: the usual way to have certificates read again at once.
///
/// While none exists, the signal ends the process, as terminals want it that go away.
final class HangUps {
    let received: AsyncStream<Void>

    private let source: any DispatchSourceSignal

    init() {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        received = stream
        signal(SIGHUP, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        source.setEventHandler { continuation.yield() }
        source.activate()
    }

    deinit { source.cancel() }
}
