extension GoogleProtobuf.Duration {
    /// Within ±10,000 years, seconds and nanoseconds of the same sign.
    ///
    /// Source: comments of `google/protobuf/duration.proto`.
    public var isValid: Bool {
        let seconds = self.seconds
        guard (-315_576_000_000...315_576_000_000).contains(seconds),
            (-999_999_999...999_999_999).contains(nanos)
        else { return false }
        return seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0)
    }

    /// Cut to whole nanoseconds.
    public init(_ duration: Swift.Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(seconds: seconds, nanos: Int32(attoseconds / 1_000_000_000))
    }

    /// Nil when it is not ``isValid``.
    public var duration: Swift.Duration? {
        isValid ? .seconds(seconds) + .nanoseconds(Int64(nanos)) : nil
    }
}
