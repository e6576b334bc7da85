/// Reads JSON (RFC 8259) token by token, without building a tree.
///
/// An own tokenizer: Foundation stays out of the server (it costs 50 MB of binary), its parser keeps
/// numbers as doubles, so that 64-bit integers would lose digits, takes the last of two equal keys
/// silently, and knows nothing of our limits on depth and size.
struct JSONReader {
    /// Longest number literal; 2^-1074 written out in full has 1,077 characters.
    static let maxNumberBytes = 1_200

    let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The next byte after white space; nil at the end.
    mutating func peek() -> UInt8? {
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"):
                position += 1
            default: return bytes[position]
            }
        }
        return nil
    }

    /// Takes a punctuation mark if it is next.
    mutating func take(_ mark: UInt8) -> Bool {
        guard peek() == mark else { return false }
        position += 1
        return true
    }

    mutating func expect(_ mark: UInt8, _ what: StaticString) throws(JSONError) {
        guard take(mark) else { throw unexpected(what) }
    }

    /// Takes `null` if it is next.
    mutating func takeNull() throws(JSONError) -> Bool {
        guard peek() == UInt8(ascii: "n") else { return false }
        try literal("null")
        return true
    }

    mutating func bool() throws(JSONError) -> Bool {
        switch peek() {
        case UInt8(ascii: "t"):
            try literal("true")
            return true
        case UInt8(ascii: "f"):
            try literal("false")
            return false
        default:
            throw invalid("expected true or false")
        }
    }

    private mutating func literal(_ word: StaticString) throws(JSONError) {
        let text = word.description.utf8
        guard bytes[position...].starts(with: text) else { throw unexpected("a value") }
        position += text.count
        // `nullx` is no literal; what follows `null` is for the caller to judge.
        if position < bytes.count, Self.isWord(bytes[position]) { throw unexpected("a value") }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
            || byte == UInt8(ascii: "_")
    }

    var isAtNumber: Bool {
        mutating get {
            guard let next = peek() else { return false }
            return next == UInt8(ascii: "-") || (48...57).contains(next)
        }
    }

    /// The text of a number, its grammar checked.
    mutating func number() throws(JSONError) -> ArraySlice<UInt8> {
        guard isAtNumber else { throw invalid("expected a number") }
        let length = JSONNumber.length(bytes[position...].prefix(Self.maxNumberBytes + 1))
        guard length > 0, length <= Self.maxNumberBytes else {
            throw syntax(length == 0 ? "malformed number" : "number is too long")
        }
        let end = position + length
        if end < bytes.count, Self.isWord(bytes[end]) || bytes[end] == UInt8(ascii: ".") {
            throw syntax("malformed number")
        }
        defer { position = end }
        return bytes[position..<end]
    }

    /// The content of a string, escapes resolved.
    mutating func string() throws(JSONError) -> ArraySlice<UInt8> {
        guard take(UInt8(ascii: "\"")) else { throw invalid("expected a string") }
        let start = position
        var mayHaveMarks = false
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let content = bytes[start..<position]
                if mayHaveMarks { try checkMarks(content, from: start) }
                position += 1
                return content
            case UInt8(ascii: "\\"):
                return try escapedString(from: start)
            case 0..<0x20:
                throw syntax("a control character in a string must be escaped")
            case UTF8Text.firstMarkLead...:
                mayHaveMarks = true
                position += 1
            default: position += 1
            }
        }
        throw syntax("a string without its end")
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> ArraySlice<UInt8> {
        var content = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                try checkMarks(content[...], from: start)
                position += 1
                return content[...]
            case UInt8(ascii: "\\"):
                position += 1
                try escape(into: &content)
            case 0..<0x20:
                throw syntax("a control character in a string must be escaped")
            default:
                content.append(byte)
                position += 1
            }
        }
        throw syntax("a string without its end")
    }

    private func checkMarks(_ content: ArraySlice<UInt8>, from start: Int) throws(JSONError) {
        guard UTF8Text.hasLongMarkRun(content) else { return }
        throw error(.invalidValue, UTF8Text.longMarkRun, at: start)
    }

    private mutating func escape(into content: inout [UInt8]) throws(JSONError) {
        guard position < bytes.count else { throw syntax("a string without its end") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0c)
        case UInt8(ascii: "n"): content.append(0x0a)
        case UInt8(ascii: "r"): content.append(0x0d)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            var scalar = try hexQuad()
            if (0xd800..<0xdc00).contains(scalar), bytes[position...].starts(with: [0x5c, 0x75]) {
                position += 2
                let low = try hexQuad()
                guard (0xdc00..<0xe000).contains(low) else { throw syntax("half a surrogate pair") }
                scalar = 0x10000 + (scalar - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let valid = Unicode.Scalar(scalar) else { throw syntax("half a surrogate pair") }
            content.append(contentsOf: UTF8.encode(valid) ?? UTF8.encodedReplacementCharacter)
        default:
            position -= 1
            throw syntax("no such escape")
        }
    }

    private mutating func hexQuad() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard position < bytes.count else { throw syntax("a string without its end") }
            let byte = bytes[position]
            let digit: UInt8
            switch byte {
            case 48...57: digit = byte - 48
            case 65...70: digit = byte - 55
            case 97...102: digit = byte - 87
            default: throw syntax("\\u needs four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}

extension JSONReader {
    /// Steps over a value.
    ///
    /// - Parameter depth: How many arrays and objects it may be deep.
    mutating func skip(depth: Int) throws(JSONError) {
        switch peek() {
        case UInt8(ascii: "{"):
            guard depth > 0 else { throw tooDeep() }
            position += 1
            if take(UInt8(ascii: "}")) { return }
            repeat {
                _ = try string()
                try expect(UInt8(ascii: ":"), "':'")
                try skip(depth: depth - 1)
            } while take(UInt8(ascii: ","))
            try expect(UInt8(ascii: "}"), "',' or '}'")
        case UInt8(ascii: "["):
            guard depth > 0 else { throw tooDeep() }
            position += 1
            if take(UInt8(ascii: "]")) { return }
            repeat { try skip(depth: depth - 1) } while take(UInt8(ascii: ","))
            try expect(UInt8(ascii: "]"), "',' or ']'")
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"), UInt8(ascii: "f"): _ = try bool()
        case UInt8(ascii: "n"): try literal("null")
        default:
            guard isAtNumber else { throw unexpected("a value") }
            _ = try number()
        }
    }

    /// Goes back, to read something again.
    mutating func rewind(to position: Int) {
        precondition(position <= self.position)
        self.position = position
    }

    // MARK: Errors at the current place

    func syntax(_ message: String) -> JSONError { error(.syntax, message) }

    /// The text is no JSON here; for a value of the wrong kind use ``invalid(_:)``.
    mutating func unexpected(_ what: StaticString) -> JSONError {
        guard let next = peek() else { return syntax("the text ends; expected \(what)") }
        let isPlain = (0x21...0x7e).contains(next)
        return syntax(
            isPlain
                ? "expected \(what), found '\(Character(Unicode.Scalar(next)))'"
                : "expected \(what)")
    }

    mutating func invalid(_ message: String) -> JSONError {
        guard peek() != nil else { return syntax("the text ends; \(message)") }
        return error(.invalidValue, message)
    }

    func tooDeep() -> JSONError { error(.tooDeep, "nested too deep") }

    func error(_ code: JSONError.Code, _ message: String, at offset: Int? = nil) -> JSONError {
        JSONError(code, path: "", message, at: location(offset ?? position))
    }

    private func location(_ offset: Int) -> JSONError.Location {
        let before = bytes[..<min(offset, bytes.count)]
        let lineStart = before.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
        let line = before.reduce(1) { $1 == 0x0a ? $0 + 1 : $0 }
        return JSONError.Location(line: line, column: before.count - lineStart + 1)
    }
}
