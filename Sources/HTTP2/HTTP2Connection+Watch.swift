internal import IO
import Telemetry

extension HTTP2Connection {
    /// Does what the watch says, until it says when to come again.
    func look() {
        let now = connection.loop.now
        while let session, !session.isCutOff, let action = watch?.look(sight(of: session), at: now)
        {
            switch action {
            case .wait(let due):
                watchTimer = connection.loop.schedule(after: now.duration(to: due)) {
                    [weak self] in self?.look()
                }
                return
            case .ping: ping()
            case .checkStreams: session.forEachStream { $0.checkProgress() }
            case .drain(let limit):
                hit(limit)
                drain()
            case .end: handler?.timeIsUp()
            case .cutOff(let limit): cutOff(session, limit)
            }
        }
    }

    private func sight(of session: HTTP2Session) -> ConnectionWatch.Sight {
        var sight = ConnectionWatch.Sight()
        sight.lastHeard = lastHeard
        let unwritten = connection.unwrittenBytes
        sight.sent = writes &<< 32 | UInt64(truncatingIfNeeded: unwritten) & 0xffff_ffff
        sight.isStuck = unwritten > 0
        sight.hasGreeting = session.meter?.hasGreeting ?? true
        sight.unfinished = session.meter?.unfinished
        sight.streams = session.streamCount
        sight.streamsOpened = session.streamsOpened
        return sight
    }

    private func cutOff(_ session: HTTP2Session, _ limit: RuntimeLimit) {
        // Before TLS is up there is no telling.
        guard connection.isEstablished else {
            return connection.close(IOError(.timedOut, operation: "TLS handshake"))
        }
        session.cutOff(limit, limit == .frameTime ? .enhanceYourCalm : .noError)
    }
}
