import Testing

@testable import Events

@Suite struct CursorTests {
    @Test(arguments: [Position.zero, Position(1), Position(1 << 40), .max])
    func `a cursor survives its bytes`(position: Position) {
        let cursor = Cursor(position: position, epoch: 0xfedc_ba98_7654_3210)
        #expect(Cursor(decoding: cursor.encoded()) == cursor)
    }

    @Test func `no byte of a cursor can change unnoticed`() {
        let bytes = Cursor(position: Position(77), epoch: 5).encoded()
        for index in bytes.indices {
            for bit in 0..<8 {
                var other = bytes
                other[index] ^= 1 << UInt8(bit)
                #expect(Cursor(decoding: other) == nil)
            }
        }
    }

    @Test func `bytes of another length are no cursor`() {
        let bytes = Cursor(position: Position(77), epoch: 5).encoded()
        #expect(Cursor(decoding: []) == nil)
        #expect(Cursor(decoding: Array(bytes.dropLast())) == nil)
        #expect(Cursor(decoding: bytes + [0]) == nil)
    }
}
