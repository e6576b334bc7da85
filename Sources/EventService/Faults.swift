import Events
import GRPC
import Telemetry

/// Where refusals of the rules leave as statuses.
struct Faults: Sendable {
    let logger: Logger

    /// Runs an RPC's body; a refusal leaves as its gRPC status.
    func mapped<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as EventsError {
            throw RPCError(told(error))
        }
    }

    /// What a client hears of an error: of our own faults a reference, under which the log has the
    /// rest.
    func told(_ error: EventsError) -> EventsError {
        guard error.code == .broken else { return error }
        let reference = String(UInt64.random(in: .min ... .max), radix: 36)
        logger.error(
            "A call failed",
            [.errorReference: .init(reference), .error: .init(error.message)])
        return EventsError(.broken, "internal error, reference \(reference)")
    }
}
