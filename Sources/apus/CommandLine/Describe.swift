import Events
import GRPC
import IO
import Postgres

/// What a person is told of an error.
func describe(_ error: any Error) -> String {
    switch error {
    case let failure as CommandFailure: failure.message
    case let status as RPCError: "\(status.code): \(status.message)"
    case let refusal as EventsError: refusal.message
    case let failure as IOError: failure.description
    case let failure as PostgresError: failure.message
    case is CancellationError: "cancelled"
    default: String(describing: error)
    }
}
