public import Protobuf

extension GoogleProtobuf.AnyMessage {
    /// What a type URL of ours begins with.
    public static let urlPrefix = "type.googleapis.com/"

    /// Holds a message.
    public init(packing message: some Message) {
        self.init(message.encoded(), of: type(of: message).descriptor.fullName)
    }

    /// Holds a serialized message.
    ///
    /// - Parameter fullName: `google.rpc.Status`.
    public init(_ bytes: [UInt8], of fullName: String) {
        self.init(typeUrl: Self.urlPrefix + fullName, value: bytes)
    }

    /// The full name of the message's type: what follows the last slash; nil when that is nothing.
    public var messageName: String? {
        guard let slash = typeUrl.lastIndex(of: "/") else { return nil }
        let name = typeUrl[typeUrl.index(after: slash)...]
        return name.isEmpty ? nil : String(name)
    }

    /// The message, if it is of this type.
    public func unpack<Contents: Message>(
        as type: Contents.Type, limits: DecodingLimits = .default
    ) throws(DecodingError) -> Contents? {
        guard messageName == type.descriptor.fullName else { return nil }
        return try Contents(decoding: value, limits: limits)
    }
}
