extension UTF8Text {
    /// Longest run of combining marks (scalars that canonical ordering moves) that text may have.
    ///
    /// Comparing and hashing a `String` sorts every such run by insertion, in time that grows with
    /// the square of its length. Stream-safe text has at most 30 (UAX #15 §13).
    static let maxMarks = 64

    /// What is said of text that has a longer one.
    static let longMarkRun = "has more than \(maxMarks) combining marks in a row"

    /// The first bytes below this stand for scalars before U+0300, none of which is a mark.
    static let firstMarkLead: UInt8 = 0xcc

    /// Whether valid text has a longer run of marks than it may.
    static func hasLongMarkRun(_ text: ArraySlice<UInt8>) -> Bool {
        unsafe text.withUnsafeBytes { raw in
            unsafe !isPlainASCII(raw, 0..<raw.count)
                && check(raw, 0..<raw.count) == .hasLongMarkRun
        }
    }

    /// How many marks in a row end at `end`; more than ``maxMarks`` are not counted.
    ///
    /// - Precondition: The text before `end` is valid, and its last ``maxMarks`` + 1 scalars are all
    ///   U+0300 or later.
    static func marks(_ bytes: UnsafeRawBufferPointer, before end: Int) -> Int {
        var count = 0
        var end = end
        while count <= maxMarks {
            let scalar = unsafe lastScalar(bytes, &end)
            if scalar.properties.canonicalCombiningClass == .notReordered { break }
            count &+= 1
        }
        return count
    }

    /// - Parameter end: Of the scalar; its start when this returns.
    private static func lastScalar(
        _ bytes: UnsafeRawBufferPointer, _ end: inout Int
    ) -> Unicode.Scalar {
        var value: UInt32 = 0
        var shift: UInt32 = 0
        while true {
            end &-= 1
            let byte = unsafe bytes[end]
            guard byte & 0xc0 == 0x80 else {
                // The lead of two, three or four bytes has five, four or three bits of the scalar.
                value |= UInt32(byte & 0x7f >> UInt8(shift / 6 + 1)) << shift
                return Unicode.Scalar(value) ?? "\u{fffd}"
            }
            value |= UInt32(byte & 0x3f) << shift
            shift &+= 6
        }
    }
}
