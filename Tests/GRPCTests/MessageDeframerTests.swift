import Testing

@testable import GRPC

@Suite struct MessageDeframerTests {
    @Test func `messages come out the same however their bytes are split`() throws {
        let messages: [[UInt8]] = [
            [], [1], Array(0...200), [], [UInt8](repeating: 7, count: 3_000),
        ]
        let bytes = messages.flatMap(frame)
        for piece in 1...40 {
            #expect(try deframe(bytes, pieces: [piece]) == messages)
        }
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let pieces = (0..<7).map { _ in Int.random(in: 1...900, using: &generator) }
            #expect(try deframe(bytes, pieces: pieces) == messages)
        }
    }

    @Test func `every single split point works`() throws {
        let messages: [[UInt8]] = [[1, 2, 3], [], [4]]
        let bytes = messages.flatMap(frame)
        for split in 0...bytes.count {
            var deframer = MessageDeframer(maxMessageBytes: 100)
            var out: [[UInt8]] = []
            let (head, tail) = (Array(bytes[..<split]), Array(bytes[split...]))
            try deframer.read(head.span) { out.append($0.bytes) }
            try deframer.read(tail.span) { out.append($0.bytes) }
            #expect(out == messages)
            #expect(!deframer.isMidMessage)
        }
    }

    @Test func `the limit itself passes and one byte more does not`() throws {
        #expect(try deframe(frame([UInt8](repeating: 1, count: 10)), limit: 10).count == 1)
        #expect(throws: MessageDeframer.Failure.tooLarge(bytes: 11, limit: 10)) {
            try deframe(frame([UInt8](repeating: 1, count: 11)), limit: 10)
        }
    }

    @Test func `a length beyond the limit is refused before its bytes come`() {
        #expect(throws: MessageDeframer.Failure.tooLarge(bytes: 0xffff_ffff, limit: 1_000)) {
            try deframe([0, 255, 255, 255, 255], limit: 1_000)
        }
    }

    @Test func `a compressed message is refused, and so is an unknown flag`() {
        #expect(throws: MessageDeframer.Failure.unexpectedCompression) {
            try deframe([1, 0, 0, 0, 0])
        }
        #expect(throws: MessageDeframer.Failure.badFlag(2)) { try deframe([2, 0, 0, 0, 0]) }
    }

    @Test func `a compressed message comes out as it is where that was agreed on`() throws {
        var deframer = MessageDeframer(maxMessageBytes: 10)
        deframer.allowsCompression = true
        var out: [FramedMessage] = []
        let bytes: [UInt8] = [1, 0, 0, 0, 1, 7, 0, 0, 0, 0, 1, 8, 1, 0, 0, 0, 0]
        try deframer.read(bytes.span) { out.append($0) }
        #expect(
            out == [
                FramedMessage([7], isCompressed: true), FramedMessage([8]),
                FramedMessage([], isCompressed: true),
            ])
    }

    @Test func `what is left in the middle of a message shows`() throws {
        for bytes: [UInt8] in [[0], [0, 0, 0, 0], [0, 0, 0, 0, 2], [0, 0, 0, 0, 2, 9]] {
            var deframer = MessageDeframer(maxMessageBytes: 10)
            try deframer.read(bytes.span) { _ in Issue.record("not complete") }
            #expect(deframer.isMidMessage)
        }
    }

    private func frame(_ message: [UInt8]) -> [UInt8] {
        let count = UInt32(message.count)
        return [
            0, UInt8(count >> 24), UInt8(count >> 16 & 255), UInt8(count >> 8 & 255),
            UInt8(count & 255),
        ] + message
    }

    @discardableResult
    private func deframe(
        _ bytes: [UInt8], pieces: [Int] = [1_000_000], limit: Int = 10_000
    ) throws(MessageDeframer.Failure) -> [[UInt8]] {
        var deframer = MessageDeframer(maxMessageBytes: limit)
        var out: [[UInt8]] = []
        var offset = 0
        var turn = 0
        while offset < bytes.count {
            let end = min(bytes.count, offset + pieces[turn % pieces.count])
            let piece = Array(bytes[offset..<end])
            try deframer.read(piece.span) { out.append($0.bytes) }
            offset = end
            turn += 1
        }
        return out
    }
}
