extension Message {
    /// Canonical JSON.
    ///
    /// - Parameter pool: Where the types of `Any` are looked up; nil: the message's own pool.
    /// - Throws: ``JSONError`` as ``ProtobufJSON/encode(_:as:pool:options:)``.
    public func json(
        pool: DescriptorPool? = nil, options: ProtobufJSON.PrintOptions = .compact
    ) throws(JSONError) -> String {
        let type = Self.descriptor
        return try ProtobufJSON.encode(
            encoded(), as: type, pool: pool ?? type.pool, options: options)
    }

    /// Parses canonical JSON.
    ///
    /// - Parameter pool: Where the types of `Any` are looked up; nil: the message's own pool.
    /// - Throws: ``JSONError`` with path, line and column.
    public init(
        json: String, pool: DescriptorPool? = nil, options: ProtobufJSON.ParseOptions = .default
    ) throws(JSONError) {
        let type = Self.descriptor
        let bytes = try ProtobufJSON.decode(
            json, as: type, pool: pool ?? type.pool, options: options)
        do throws(DecodingError) {
            try self.init(decoding: bytes, limits: options.limits)
        } catch {
            throw JSONError(
                error.code == .tooLarge ? .tooLarge : .invalidValue, path: error.path,
                error.message)
        }
    }
}
