extension MessageDescriptor {
    /// The serialized value of a message-typed extension among the options; nil when it is not set.
    ///
    /// Said in several statements it comes in several parts, which one after the other are the whole.
    public func extensionBytes(number: Int) -> [UInt8]? {
        var reader = WireReader(optionsBytes)
        var value: [UInt8]?
        while let tag = reader.tag() {
            if tag.number == number, tag.type == .lengthDelimited {
                guard let range = reader.range() else { return value }
                value = (value ?? []) + optionsBytes[range]
            } else if !reader.skip(tag.type) {
                return value
            }
        }
        return value
    }
}
