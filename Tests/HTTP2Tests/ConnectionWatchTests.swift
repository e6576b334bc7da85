import Telemetry
import Testing

@testable import HTTP2

@Suite struct ConnectionWatchTests {
    private typealias Sight = ConnectionWatch.Sight

    private static func at(_ seconds: Double) -> MonotonicTime {
        MonotonicTime(nanoseconds: UInt64(seconds * 1e9))
    }

    private static func watch(_ change: (inout HTTP2Configuration) -> Void = { _ in }) -> Watch {
        var configuration = HTTP2Configuration()
        configuration.handshakeTimeout = .seconds(10)
        configuration.keepAliveInterval = .seconds(60)
        configuration.keepAliveTimeout = .seconds(20)
        configuration.progressInterval = .seconds(30)
        change(&configuration)
        return Watch(ConnectionWatch(configuration, jitter: 1, now: .zero))
    }

    /// A connection as it usually is.
    private static func calm(heard: Double = 0) -> Sight {
        var sight = Sight()
        sight.hasGreeting = true
        sight.lastHeard = at(heard)
        return sight
    }

    @Test func `no greeting in time is the end`() {
        let watch = Self.watch()
        let silent = Sight()
        #expect(watch.look(silent, at: 0) == .wait(until: Self.at(10)))
        #expect(watch.look(silent, at: 10) == .cutOff(.handshakeTime))
        let other = Self.watch()
        #expect(other.look(Self.calm(), at: 10) == .wait(until: Self.at(30)))
    }

    @Test func `a silent peer is pinged, and cut off when it doesn't answer`() {
        let watch = Self.watch()
        #expect(watch.look(Self.calm(heard: 5), at: 30) == .wait(until: Self.at(60)))
        #expect(watch.look(Self.calm(heard: 5), at: 60) == .wait(until: Self.at(65)))
        #expect(watch.look(Self.calm(heard: 5), at: 65) == .ping)
        #expect(watch.look(Self.calm(heard: 5), at: 65) == .wait(until: Self.at(85)))
        #expect(watch.look(Self.calm(heard: 5), at: 85) == .cutOff(.keepAlive))
    }

    @Test func `a peer that answers lives on`() {
        let watch = Self.watch()
        #expect(watch.look(Self.calm(), at: 60) == .ping)
        #expect(watch.look(Self.calm(), at: 60) == .wait(until: Self.at(80)))
        #expect(watch.look(Self.calm(heard: 61), at: 80) == .wait(until: Self.at(90)))
        #expect(watch.look(Self.calm(heard: 61), at: 121) == .ping)
    }

    @Test func `a peer that takes nothing is dead, though it talks`() {
        let watch = Self.watch()
        var stuck = Self.calm(heard: 59)
        stuck.isStuck = true
        stuck.sent = 7
        // The first sight of it: it has just taken something, for all we know.
        #expect(watch.look(stuck, at: 30) == .wait(until: Self.at(60)))
        stuck.lastHeard = Self.at(89)
        #expect(watch.look(stuck, at: 90) == .ping)
        stuck.lastHeard = Self.at(109)
        #expect(watch.look(stuck, at: 110) == .cutOff(.keepAlive))
    }

    @Test func `a peer that takes a little is alive`() {
        let watch = Self.watch()
        var slow = Self.calm()
        slow.isStuck = true
        for second in 1..<100 {
            slow.sent = UInt64(second)
            let action = watch.look(slow, at: Double(second) * 30)
            #expect(action == .wait(until: Self.at(Double(second + 1) * 30)))
        }
    }

    @Test func `an old connection drains, and ends after its grace`() {
        let watch = Self.watch {
            $0.keepAliveInterval = nil
            $0.maxConnectionAge = .seconds(100)
            $0.maxConnectionAgeGrace = .seconds(5)
        }
        var busy = Self.calm()
        busy.streams = 1
        #expect(watch.look(busy, at: 90) == .checkStreams)
        #expect(watch.look(busy, at: 90) == .wait(until: Self.at(100)))
        #expect(watch.look(busy, at: 100) == .drain(.connectionAge))
        #expect(watch.look(busy, at: 100) == .wait(until: Self.at(105)))
        #expect(watch.look(busy, at: 105) == .end(.connectionAge))
        #expect(watch.look(busy, at: 105) == .wait(until: Self.at(120)))
    }

    @Test func `a connection without streams ends when it is told to`() {
        let watch = Self.watch { $0.maxConnectionIdle = .seconds(10) }
        var sight = Self.calm()
        sight.streamsOpened = 1
        #expect(watch.look(sight, at: 10) == .wait(until: Self.at(20)))
        #expect(watch.look(sight, at: 20) == .drain(.connectionIdle))
        #expect(watch.look(sight, at: 20) == .wait(until: Self.at(30)))
        let other = Self.watch { $0.maxConnectionIdle = .seconds(10) }
        sight.streams = 1
        for second in [10.0, 20] {
            #expect(other.look(sight, at: second) == .wait(until: Self.at(second + 10)))
        }
    }

    @Test func `a frame that doesn't end is the end, another one is not`() {
        let watch = Self.watch { $0.keepAliveInterval = nil }
        var sight = Self.calm()
        let seen: [UInt64?] = [nil, 3, 4, nil, 6]
        for (index, unfinished) in seen.enumerated() {
            sight.unfinished = unfinished
            let now = Double(index + 1) * 30
            #expect(watch.look(sight, at: now) == .wait(until: Self.at(now + 30)))
        }
        #expect(watch.look(sight, at: 180) == .cutOff(.frameTime))
    }
}

/// A watch that `#expect` can ask.
private final class Watch {
    private var watch: ConnectionWatch

    init(_ watch: ConnectionWatch) { self.watch = watch }

    func look(_ sight: ConnectionWatch.Sight, at seconds: Double) -> ConnectionWatch.Action {
        watch.look(sight, at: MonotonicTime(nanoseconds: UInt64(seconds * 1e9)))
    }
}
