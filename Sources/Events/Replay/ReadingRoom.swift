/// Bounds what is read from the log at the same time.
public protocol ReadingRoom: Sendable {
    /// Runs the body once there is room for what it reads.
    ///
    /// - Parameter bytes: At most.
    /// - Throws: `CancellationError`, what the body throws.
    func reading<Result>(
        _ bytes: Int, _ body: () async throws -> Result
    ) async throws -> Result
}

/// Room for whoever comes: one caller, who reads page by page, needs no other.
public struct OpenRoom: ReadingRoom {
    public init() {}

    public func reading<Result>(
        _ bytes: Int, _ body: () async throws -> Result
    ) async throws -> Result {
        try await body()
    }
}
