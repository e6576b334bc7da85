extension GoogleProtobuf.Timestamp {
    /// From 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z, nanoseconds counting upwards.
    ///
    /// Source: comments of `google/protobuf/timestamp.proto`.
    public var isValid: Bool {
        (-62_135_596_800...253_402_300_799).contains(seconds) && (0...999_999_999).contains(nanos)
    }

    /// - Parameter microseconds: Since 1970-01-01T00:00:00Z, before it negative.
    public init(unixMicroseconds microseconds: Int64) {
        let (seconds, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        let isNegative = rest < 0
        self.init(
            seconds: isNegative ? seconds - 1 : seconds,
            nanos: Int32(isNegative ? rest + 1_000_000 : rest) * 1000)
    }

    /// Since 1970-01-01T00:00:00Z, cut to whole microseconds towards the past; nil when it is not
    /// ``isValid``.
    public var unixMicroseconds: Int64? {
        isValid ? seconds * 1_000_000 + Int64(nanos / 1000) : nil
    }
}
