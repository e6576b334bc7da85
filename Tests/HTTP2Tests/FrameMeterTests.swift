import Telemetry
import Testing

@testable import HTTP2

@Suite struct FrameMeterTests {
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private static func meter(_ change: (inout HTTP2Configuration) -> Void = { _ in }) -> Metered {
        var configuration = HTTP2Configuration()
        configuration.emptyFrameBurst = 3
        configuration.emptyFramesPerSecond = 2
        configuration.streamResetBurst = 2
        configuration.streamResetsPerSecond = 1
        configuration.maxContinuations = 2
        change(&configuration)
        let meter = Metered(FrameMeter(configuration))
        _ = meter.read(preface)
        return meter
    }

    private static func at(_ seconds: Double) -> MonotonicTime {
        MonotonicTime(nanoseconds: UInt64(seconds * 1e9))
    }

    /// Frames that carry nothing, one of each kind.
    static let empties: [[UInt8]] = [
        frame(type: 0, flags: 0, stream: 1, []),
        frame(type: 0, flags: 8, stream: 1, [2, 0, 0]),
        frame(type: 2, flags: 0, stream: 1, [0, 0, 0, 0, 0]),
        frame(type: 4, flags: 0, stream: 0, []),
        frame(type: 4, flags: 1, stream: 0, []),
        frame(type: 6, flags: 1, stream: 0, [0, 0, 0, 0, 0, 0, 0, 0]),
        frame(type: 7, flags: 0, stream: 0, [0, 0, 0, 0, 0, 0, 0, 0]),
        frame(type: 8, flags: 0, stream: 0, [0, 0, 0, 1]),
        frame(type: 99, flags: 255, stream: 7, [1, 2, 3]),
    ]

    @Test(arguments: empties)
    func `frames that carry nothing have a budget, and it grows again`(_ empty: [UInt8]) {
        var meter = Self.meter()
        let four = empty + empty + empty + empty
        #expect(meter.read(four, at: Self.at(1)) == .emptyFrames)

        meter = Self.meter()
        let three = empty + empty + empty
        #expect(meter.read(three, at: Self.at(1)) == nil)
        #expect(meter.read(empty, at: Self.at(1.5)) == nil)
        #expect(meter.read(empty, at: Self.at(1.6)) == .emptyFrames)
    }

    @Test(arguments: empties)
    func `it makes no difference how the bytes are cut`(_ empty: [UInt8]) {
        let meter = Self.meter()
        var broken: RuntimeLimit?
        for byte in empty + empty + empty + empty {
            broken = broken ?? meter.read([byte])
        }
        #expect(broken == .emptyFrames)
    }

    @Test func `what carries something costs nothing`() {
        let meter = Self.meter()
        let data = frame(type: 0, flags: 0, stream: 1, [1])
        let padded = frame(type: 0, flags: 8, stream: 1, [1, 5, 0])
        let end = frame(type: 0, flags: 1, stream: 1, [])
        let headers = frame(type: 1, flags: 4, stream: 3, [0x82])
        for _ in 0..<100 {
            for good in [data, padded, end, headers] {
                #expect(meter.read(good) == nil)
            }
        }
    }

    @Test func `window updates are free for what was sent, and for streams that begin`() {
        let meter = Self.meter { $0.emptyFrameBurst = 0 }
        let update = frame(type: 8, flags: 0, stream: 1, [0, 0, 0, 1])
        meter.frames.sentData(2_000, isAll: false)
        meter.frames.sentData(1, isAll: true)
        // Cut short by a window of one byte: earns nothing.
        meter.frames.sentData(1, isAll: false)
        _ = meter.read(frame(type: 1, flags: 4, stream: 3, [0x82]))
        for _ in 0..<5 { #expect(meter.read(update) == nil) }
        #expect(meter.read(update) == .emptyFrames)
    }

    @Test func `resets have a budget, but not those of streams that we ended`() {
        let meter = Self.meter()
        let reset = frame(type: 3, flags: 0, stream: 1, [0, 0, 0, 8])
        meter.frames.sent(endsStream: true)
        meter.frames.sent(endsStream: false)
        for _ in 0..<3 { #expect(meter.read(reset) == nil) }
        #expect(meter.read(reset) == .streamResets)
    }

    @Test func `what streams that we ended earn is not kept for a flood`() {
        let meter = Self.meter { $0.maxConcurrentStreams = 5 }
        let reset = frame(type: 3, flags: 0, stream: 1, [0, 0, 0, 8])
        for _ in 0..<100 { meter.frames.sent(endsStream: true) }
        for _ in 0..<7 { #expect(meter.read(reset) == nil) }
        #expect(meter.read(reset) == .streamResets)
    }

    @Test func `a header block has so many continuations`() {
        let meter = Self.meter { $0.emptyFrameBurst = 100 }
        let headers = frame(type: 1, flags: 0, stream: 1, [0x82])
        let more = frame(type: 9, flags: 0, stream: 1, [0x84])
        let last = frame(type: 9, flags: 4, stream: 1, [0x86])
        for _ in 0..<3 {
            let block = headers + more + last
            #expect(meter.read(block) == nil)
        }
        let block = headers + more + more + more
        #expect(meter.read(block) == .continuations)
    }

    @Test func `what has begun and isn't complete is known by its number`() {
        let meter = Self.meter()
        #expect(meter.frames.unfinished == nil)
        #expect(!meter.frames.hasGreeting)
        let settings = frame(type: 4, flags: 0, stream: 0, [0, 3, 0, 0, 0, 1])
        _ = meter.read(Array(settings[..<4]))
        #expect(meter.frames.unfinished == 1)
        _ = meter.read(Array(settings[4..<12]))
        #expect(meter.frames.unfinished == 1)
        #expect(!meter.frames.hasGreeting)
        _ = meter.read(Array(settings[12...]))
        #expect(meter.frames.unfinished == nil)
        #expect(meter.frames.hasGreeting)
        _ = meter.read(frame(type: 1, flags: 0, stream: 1, [0x82]))
        #expect(meter.frames.unfinished == 2)
        _ = meter.read(frame(type: 9, flags: 0, stream: 1, [0x84]))
        #expect(meter.frames.unfinished == 2)
        _ = meter.read(frame(type: 9, flags: 4, stream: 1, [0x86]))
        #expect(meter.frames.unfinished == nil)
        _ = meter.read(Array(frame(type: 0, flags: 0, stream: 1, [1, 2, 3])[..<10]))
        #expect(meter.frames.unfinished == nil)
    }
}

/// A meter that `#expect` can ask.
private final class Metered {
    var frames: FrameMeter

    init(_ frames: FrameMeter) { self.frames = frames }

    func read(_ bytes: [UInt8], at now: MonotonicTime = .zero) -> RuntimeLimit? {
        frames.read(bytes.span, at: now)
    }
}

/// A frame's bytes (RFC 9113 §4.1).
func frame(type: UInt8, flags: UInt8, stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
    let id = withUnsafeBytes(of: stream.bigEndian) { Array($0) }
    let length = withUnsafeBytes(of: UInt32(payload.count).bigEndian) { Array($0.dropFirst()) }
    return length + [type, flags] + id + payload
}
