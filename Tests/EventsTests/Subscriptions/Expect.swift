import Testing

/// As `#expect(actual == expected)`, for what changes a state machine: the macro cannot mutate.
func expect<Value: Equatable>(
    _ actual: Value, _ expected: Value, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(actual == expected, sourceLocation: sourceLocation)
}
