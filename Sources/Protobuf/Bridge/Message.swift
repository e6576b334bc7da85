/// A generated value type for a message of a `.proto` file.
public protocol Message: Sendable, Hashable {
    /// What the schema says about it.
    static var descriptor: MessageDescriptor { get }

    /// Every field unset.
    init()

    /// Decodes a message of one's own bytes or a peer's.
    ///
    /// The bytes pass ``WireScan`` first; nothing else makes protobuf-c read them.
    ///
    /// - Throws: ``DecodingError``, naming the field.
    init(decoding bytes: [UInt8], limits: DecodingLimits) throws(DecodingError)

    /// Encodes it: known fields by number, map entries by key, then ``unknownFields``.
    ///
    /// The same value gives the same bytes. A NUL in a `string` becomes U+FFFD: protobuf-c ends the
    /// string there, and no decoder of ours would take it.
    func encoded() -> [UInt8]

    /// Fields that the schema lacks, as they came: whole tags and values, one after the other.
    var unknownFields: [UInt8] { get set }
}

extension Message {
    public init(decoding bytes: [UInt8]) throws(DecodingError) {
        try self.init(decoding: bytes, limits: .default)
    }
}
