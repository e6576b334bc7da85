/// Single values. Each function leaves `position` after the value, or records the failure.
extension WireScanner {
    /// The rest of a tag of more than one byte; protobuf-c takes five.
    mutating func longTag(_ tag: inout UInt32, _ position: inout Int, _ end: Int) -> Bool {
        var value = UInt64(tag & 0x7f)
        var shift: UInt64 = 7
        while shift < 35 {
            guard position < end else { return fail(.truncated, "ends in the middle of a tag") }
            let byte = unsafe base[position]
            position &+= 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 {
                guard value <= UInt64(UInt32.max) else { break }
                tag = UInt32(truncatingIfNeeded: value)
                return true
            }
            shift += 7
        }
        return fail(.malformed, "a tag of more than 32 bits")
    }

    mutating func varint(_ position: inout Int, _ end: Int) -> Bool {
        let limit = min(end, position &+ 10)
        while position < limit {
            let byte = unsafe base[position]
            position &+= 1
            if byte < 0x80 { return true }
        }
        return position < end
            ? fail(.malformed, "a varint of more than 10 bytes")
            : fail(.truncated, "ends in the middle of a varint")
    }

    mutating func fixed(_ size: Int, _ position: inout Int, _ end: Int) -> Bool {
        guard end &- position >= size else {
            return fail(.truncated, "ends in the middle of a \(size)-byte value")
        }
        position &+= size
        return true
    }

    /// A length prefix (at most five bytes) and as many bytes after it.
    mutating func length(_ position: inout Int, _ end: Int) -> Range<Int>? {
        var value = 0
        if position < end, unsafe base[position] < 0x80 {
            value = Int(unsafe base[position])
            position &+= 1
        } else {
            var shift = 0
            while true {
                guard position < end else {
                    fail(.truncated, "ends in the middle of a length")
                    return nil
                }
                guard shift < 35 else {
                    fail(.malformed, "a length of more than 5 bytes")
                    return nil
                }
                let byte = unsafe base[position]
                position &+= 1
                value |= Int(byte & 0x7f) << shift
                if byte < 0x80 { break }
                shift += 7
            }
        }
        guard value <= end &- position else {
            fail(.truncated, "is \(value) bytes long, of which \(end - position) are there")
            return nil
        }
        let start = position
        position &+= value
        return unsafe Range(uncheckedBounds: (start, position))
    }

    /// Checks a packed list.
    ///
    /// - Returns: How many elements it has; nil when it is broken.
    mutating func packed(_ field: ScanTable.Field, _ range: Range<Int>) -> Int? {
        switch field.wireTypeOfElements {
        case .fixed64:
            guard range.count % 8 == 0 else { return unevenPack(8) }
            return range.count / 8
        case .fixed32:
            guard range.count % 4 == 0 else { return unevenPack(4) }
            return range.count / 4
        default: break
        }
        var elements = 0
        var run = 0
        let mustBeBit = field.kind == FieldKind.bool.rawValue
        for index in range {
            let byte = unsafe base[index]
            if mustBeBit, byte > 1 {
                fail(.malformed, "a packed boolean that is neither 0 nor 1")
                return nil
            }
            run &+= 1
            guard run <= 10 else {
                fail(.malformed, "a varint of more than 10 bytes")
                return nil
            }
            if byte < 0x80 {
                elements &+= 1
                run = 0
            }
        }
        guard run == 0 else {
            fail(.truncated, "ends in the middle of a varint")
            return nil
        }
        return elements
    }

    private mutating func unevenPack(_ size: Int) -> Int? {
        fail(.truncated, "a packed list whose size is no multiple of \(size)")
        return nil
    }

    /// Checks that a `string` is UTF-8 without NUL, and cheap to compare.
    mutating func text(_ range: Range<Int>) -> Bool {
        unsafe UTF8Text.isPlainASCII(base, range)
            || notPlainText(range)
    }

    private mutating func notPlainText(_ range: Range<Int>) -> Bool {
        switch unsafe UTF8Text.check(base, range) {
        case .valid: return true
        case .invalid: return fail(.invalidUTF8, "is not valid UTF-8")
        case .hasNUL: return fail(.embeddedNUL, "contains a NUL character")
        case .hasLongMarkRun: return fail(.markRun, UTF8Text.longMarkRun)
        }
    }
}

extension ScanTable.Field {
    fileprivate var wireTypeOfElements: WireType { WireType(rawValue: wireType) ?? .varint }
}
