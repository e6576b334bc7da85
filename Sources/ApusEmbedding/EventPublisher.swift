public import EventProtos
import EventService
public import Events

/// Publishes events into the log by the rules of the Publish call: checked against their schemas, and
/// durable when it returns.
public struct EventPublisher: Sendable {
    let publisher: Publisher

    /// - Parameter events: 1...1,000, all stored or none; the generated factories make them.
    /// - Returns: The position of each; of one whose id is in the log already, its first.
    /// - Throws: ``EventsError``, `CancellationError`.
    @discardableResult
    public func publish(_ events: ApusV1.Event..., for tenant: TenantID) async throws -> [Position]
    {
        let outcomes = try await publisher.publish(events, for: tenant)
        return try outcomes.map { outcome in
            switch outcome.outcome {
            case .stored(let position), .duplicate(let position): return position
            case .rejected(let error): throw error
            }
        }
    }
}
