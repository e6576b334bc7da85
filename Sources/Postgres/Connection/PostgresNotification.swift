/// What a NOTIFY sent to a listening connection.
public struct PostgresNotification: Sendable, Hashable {
    public let channel: String
    public let payload: String
    /// The sender's backend.
    public let backendPID: Int32
}
