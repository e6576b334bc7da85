import Dispatch
import Glibc

/// SIGHUP as a sequence: the usual way to have certificates and configuration read again at once.
///
/// While none listens, the signal ends the process, as terminals want it that go away.
final class HangUps {
    let received: AsyncStream<Void>

    private let source: any DispatchSourceSignal

    init() {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
        received = stream
        signal(SIGHUP, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        source.setEventHandler { continuation.yield() }
    }

    /// To be called once. No signal that comes after it has returned is missed.
    func listen() async {
        await withCheckedContinuation { listens in
            source.setRegistrationHandler { listens.resume() }
            source.activate()
        }
    }

    deinit { source.cancel() }
}
