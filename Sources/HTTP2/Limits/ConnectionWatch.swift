internal import Telemetry

/// What becomes of a server's connection as time goes by, as decisions: it holds no timer itself.
///
/// Asked seldom: at the time that its last answer named, not at every frame. It is asked again until
/// it answers ``Action/wait(until:)``.
///
/// A peer is alive when it sends something; while the kernel doesn't take what we have for it, when it
/// takes some of that. A peer that shows no life for `keepAliveInterval` gets a ping, and is cut off
/// when it shows none for `keepAliveTimeout` more. So a client that reads nothing from its socket is
/// cut off even when it goes on sending, while one that leaves its flow-control window shut for hours
/// is not: a slow subscriber holds a bounded queue, answers pings, and is never dropped.
struct ConnectionWatch {
    enum Action: Equatable {
        case wait(until: MonotonicTime)
        case ping
        /// Look whether the streams move on.
        case checkStreams
        /// Take no new streams.
        case drain(RuntimeLimit)
        /// What still runs has had its time.
        case end(RuntimeLimit)
        case cutOff(RuntimeLimit)
    }

    /// What is to be seen of a connection.
    struct Sight {
        /// When bytes came last.
        var lastHeard = MonotonicTime.zero
        /// Changes when the kernel takes something.
        var sent: UInt64 = 0
        /// The kernel has something to take, and doesn't.
        var isStuck = false
        /// The preface and SETTINGS are here.
        var hasGreeting = false
        /// ``FrameMeter/unfinished``.
        var unfinished: UInt64?
        /// Streams that are open, and all that ever were.
        var streams = 0
        var streamsOpened = 0
    }

    private let configuration: HTTP2Configuration
    private let handshakeDue: MonotonicTime
    private let ageDue: MonotonicTime?
    private var graceDue: MonotonicTime?
    private var isDraining = false
    private var lastLife: MonotonicTime
    private var pinged: MonotonicTime?
    private var lastSent: UInt64 = 0
    private var lastBusy: MonotonicTime
    private var lastOpened = 0
    private var checked: MonotonicTime
    private var lastUnfinished: UInt64?

    /// - Parameter jitter: 0.9...1.1, by which the age is multiplied, so that connections that were
    ///   made together don't end together.
    init(_ configuration: HTTP2Configuration, jitter: Double, now: MonotonicTime) {
        self.configuration = configuration
        handshakeDue = now + configuration.handshakeTimeout
        ageDue = configuration.maxConnectionAge.map { now + $0 * jitter }
        lastLife = now
        lastBusy = now
        checked = now
    }

    mutating func look(_ sight: Sight, at now: MonotonicTime) -> Action {
        if !sight.hasGreeting && now >= handshakeDue { return .cutOff(.handshakeTime) }
        if let action = lookAtAge(sight, now) ?? lookAtLife(sight, now) { return action }
        if now >= checked + configuration.progressInterval {
            checked = now
            if let unfinished = sight.unfinished, unfinished == lastUnfinished {
                return .cutOff(.frameTime)
            }
            lastUnfinished = sight.unfinished
            if sight.streams > 0 { return .checkStreams }
        }
        return .wait(until: next(sight))
    }

    private mutating func lookAtAge(_ sight: Sight, _ now: MonotonicTime) -> Action? {
        if sight.streams > 0 || sight.streamsOpened != lastOpened {
            lastOpened = sight.streamsOpened
            lastBusy = now
        }
        if let graceDue, now >= graceDue {
            self.graceDue = nil
            return .end(.connectionAge)
        }
        guard !isDraining else { return nil }
        if let ageDue, now >= ageDue {
            isDraining = true
            graceDue = now + configuration.maxConnectionAgeGrace
            return .drain(.connectionAge)
        }
        if let idle = configuration.maxConnectionIdle, now >= lastBusy + idle {
            isDraining = true
            return .drain(.connectionIdle)
        }
        return nil
    }

    private mutating func lookAtLife(_ sight: Sight, _ now: MonotonicTime) -> Action? {
        guard let interval = configuration.keepAliveInterval else { return nil }
        if sight.isStuck {
            if sight.sent != lastSent { lastLife = now }
        } else {
            lastLife = max(lastLife, sight.lastHeard)
        }
        lastSent = sight.sent
        if let pinged {
            if lastLife > pinged {
                self.pinged = nil
            } else if now >= pinged + configuration.keepAliveTimeout {
                return .cutOff(.keepAlive)
            }
        } else if now >= lastLife + interval {
            pinged = now
            return .ping
        }
        return nil
    }

    /// When to be asked again.
    private func next(_ sight: Sight) -> MonotonicTime {
        var next = checked + configuration.progressInterval
        if !sight.hasGreeting { next = min(next, handshakeDue) }
        if let graceDue { next = min(next, graceDue) }
        if let ageDue, !isDraining { next = min(next, ageDue) }
        if let idle = configuration.maxConnectionIdle, !isDraining {
            next = min(next, lastBusy + idle)
        }
        if let pinged {
            next = min(next, pinged + configuration.keepAliveTimeout)
        } else if let interval = configuration.keepAliveInterval {
            next = min(next, lastLife + interval)
        }
        return next
    }
}
