/// Validation of text in memory.
enum UTF8Text {
    enum Verdict { case valid, invalid, hasNUL, hasLongMarkRun }

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs: UInt64 = 0x8080_8080_8080_8080

    /// Whether all bytes are 0x01...0x7f, eight at a time.
    ///
    /// With no high bit in `word`, `word - ones` has one exactly when a byte is zero.
    static func isPlainASCII(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
        var index = range.lowerBound
        let end = range.upperBound
        guard end &- index >= 8 else {
            while index < end {
                // 0 wraps to 255.
                if unsafe bytes[index] &- 1 >= 0x7f { return false }
                index &+= 1
            }
            return true
        }
        while index <= end &- 8 {
            let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if (word | (word &- ones)) & highs != 0 { return false }
            index &+= 8
        }
        let last = unsafe bytes.loadUnaligned(fromByteOffset: end &- 8, as: UInt64.self)
        return (last | (last &- ones)) & highs == 0
    }

    /// RFC 3629 §4: no overlong form, no surrogate, nothing above U+10FFFF. Valid text may still have
    /// a NUL, or more than ``maxMarks`` combining marks in a row.
    ///
    /// What is a mark is looked up only after so many scalars that could be ones: mostly the last of
    /// them is none, so that there is one look-up for all.
    static func check(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Verdict {
        var hasNUL = false
        var hasLongMarkRun = false
        var possibleMarks = 0
        var index = range.lowerBound
        let end = range.upperBound
        while index < end {
            let first = unsafe bytes[index]
            index &+= 1
            if first < 0x80 {
                if first == 0 { hasNUL = true }
                possibleMarks = 0
                continue
            }
            let rest: Int
            var low: UInt8 = 0x80
            var high: UInt8 = 0xbf
            switch first {
            case 0xc2...0xdf: rest = 1
            case 0xe0: (rest, low) = (2, 0xa0)
            case 0xed: (rest, high) = (2, 0x9f)
            case 0xe1...0xef: rest = 2
            case 0xf0: (rest, low) = (3, 0x90)
            case 0xf1...0xf3: rest = 3
            case 0xf4: (rest, high) = (3, 0x8f)
            default: return .invalid
            }
            guard end &- index >= rest else { return .invalid }
            let second = unsafe bytes[index]
            if second < low || second > high { return .invalid }
            for offset in 1..<rest where unsafe bytes[index &+ offset] & 0xc0 != 0x80 {
                return .invalid
            }
            index &+= rest
            possibleMarks = first < firstMarkLead ? 0 : possibleMarks &+ 1
            if possibleMarks > maxMarks {
                possibleMarks = unsafe marks(bytes, before: index)
                if possibleMarks > maxMarks {
                    hasLongMarkRun = true
                    possibleMarks = 0
                }
            }
        }
        return hasLongMarkRun ? .hasLongMarkRun : hasNUL ? .hasNUL : .valid
    }
}

extension UTF8Text {
    /// Where text stops being UTF-8; nil when it is all valid.
    static func firstInvalid(_ text: [UInt8]) -> Int? {
        let isValid = unsafe text.withUnsafeBytes { raw in
            unsafe isPlainASCII(raw, 0..<raw.count)
                || check(raw, 0..<raw.count) != .invalid
        }
        if isValid { return nil }
        var valid = 0
        var iterator = text.makeIterator()
        var decoder = UTF8()
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            valid += UTF8.width(scalar)
        }
        return valid
    }
}
