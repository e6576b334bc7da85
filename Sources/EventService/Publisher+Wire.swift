import Digests
public import EventProtos
public import Events

extension Publisher {
    /// Publishes events as the Publish call does for a caller of this tenant: all are stored or none.
    ///
    /// - Returns: One outcome an event, in their order.
    /// - Throws: As ``publish(_:context:)``.
    public func publish(
        _ events: [ApusV1.Event], for tenant: TenantID
    ) async throws -> [PublishOutcome] {
        let hash = SHA256()
        let command = PublishCommand(events: events.map { EventDraft($0, hash: hash) })
        return try await publish(command, context: PublishContext(caller: Caller(tenant: tenant)))
    }
}
