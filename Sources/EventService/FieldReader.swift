import Events

/// Reads a request's fields one after the other, so that one answer names all that are wrong.
struct FieldReader {
    /// Of the fields read so far.
    private(set) var violations: [FieldViolation] = []

    /// - Returns: Nil when the field is wrong.
    /// - Throws: ``EventsError`` of any code but `.invalidArgument`.
    mutating func read<Value>(
        _ field: () throws(EventsError) -> Value
    ) throws(EventsError) -> Value? {
        do {
            return try field()
        } catch {
            guard error.code == .invalidArgument else { throw error }
            violations += error.violations
            return nil
        }
    }
}
