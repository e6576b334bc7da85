extension ProtobufJSON {
    /// One member of an object, its value as text.
    public struct Member: Sendable, Hashable {
        /// Unescaped.
        public let name: String
        public let json: String
    }

    /// Takes an object apart at its first level, for callers that send one member another way
    /// than the rest.
    ///
    /// - Throws: ``JSONError`` when the text is no object, or more than one value.
    public static func members(of text: String) throws(JSONError) -> [Member] {
        var reader = JSONReader(Array(text.utf8))
        var members: [Member] = []
        try reader.expect(UInt8(ascii: "{"), "'{'")
        if !reader.take(UInt8(ascii: "}")) {
            repeat {
                guard reader.peek() == UInt8(ascii: "\"") else {
                    throw reader.unexpected("a member's name")
                }
                let name = String(decoding: try reader.string(), as: UTF8.self)
                try reader.expect(UInt8(ascii: ":"), "':'")
                _ = reader.peek()
                let start = reader.position
                try reader.skip(depth: DecodingLimits.default.maxDepth)
                let value = String(decoding: reader.bytes[start..<reader.position], as: UTF8.self)
                members.append(Member(name: name, json: value))
            } while reader.take(UInt8(ascii: ","))
            try reader.expect(UInt8(ascii: "}"), "',' or '}'")
        }
        guard reader.peek() == nil else { throw reader.unexpected("the end of the text") }
        return members
    }
}
