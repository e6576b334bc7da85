public import Events
import Postgres

/// What became of the wish that a handler be forgotten.
public enum ForgottenHandler: Sendable, Hashable {
    /// What went with it.
    public struct Remains: Sendable, Hashable {
        /// As in the ledger, such as `webhook/NAME`.
        public let consumer: String
        public let standing: HandlerStanding
        public let lanes: Int
        /// Events that it was at, or was to be handed again.
        public let unfinished: Int
        /// That had still to hand it something.
        public let replays: Int
    }

    case forgotten(Remains)
    case unknown
    /// Nodes have it.
    case registered(HandlerStanding)
    case hasDeadLetters(consumer: String, HandlerStanding)
}

extension PostgresBooks {
    /// Forgets a handler that no node has any more: where it was, and what it had still to do. Its
    /// lines in the ledger stay, and a projection's rows. Whoever registers it again begins with a
    /// new one.
    ///
    /// - Parameters:
    ///   - discarding: Whether open dead letters are to be discarded; otherwise they stand in the way.
    ///   - actor: Who wishes so, for the ledger.
    /// - Throws: ``EventsError`` or `CancellationError`.
    ///
    /// Source: `SQL/handler_lock.sql`, `SQL/handlers_list.sql`, `SQL/handler_forget.sql`.
    public func forget(
        _ handler: String, discardingDeadLetters discarding: Bool, by actor: String
    ) async throws -> ForgottenHandler {
        try await store.transaction { transaction in
            let found = try await transaction.execute(ConsumerSQL.handlerLock, [.text(handler)])
            let rows = try await transaction.execute(ConsumerSQL.handlersList, [.text(handler)])
            guard let lock = found.first, let row = rows.first else { return .unknown }
            let consumer = try lock.string(1)
            let standing = try row.handlerStanding()
            guard standing.nodes.isEmpty else { return .registered(standing) }
            guard discarding || standing.deadLettered == 0 else {
                return .hasDeadLetters(consumer: consumer, standing)
            }
            let counts = try await transaction.execute(
                ConsumerSQL.handlerForget,
                [.int4(try lock.int32(0)), .text(handler), .text(actor)])[0]
            return .forgotten(
                .init(
                    consumer: consumer, standing: standing, lanes: Int(try counts.int64(0)),
                    unfinished: Int(try counts.int64(1)), replays: Int(try counts.int64(2))))
        }
    }
}
