/// One statement to run.
struct Request {
    let id: UInt64
    let statement: Statement
    let parameters: EncodedParameters
    /// A transaction that starts with it, in the same group.
    var begins: TransactionIsolation?
    /// Nobody waits for the answer, and yet it must run.
    var isDetached = false

    // Once sent.
    var rows: Rows?
    var failure: PostgresError?
    /// What it executes.
    var entry: PreparedStatements.Entry?
    /// What it prepares, by the number of the command.
    var preparing: [(command: Int, entry: PreparedStatements.Entry, statement: Statement)] = []
}

/// Someone's right to have the connection alone.
struct Turn {
    let id: UInt64
    /// How its transaction starts; nil when it is to have none.
    let transaction: TransactionIsolation?
    var hasBegun = false
    /// Over as soon as the script that runs has ended.
    var isOver = false
}

/// What stands in the queue of a connection.
enum Waiting {
    case request(Request)
    case turn(Turn)
}

/// A script that runs, outside of pipeline mode.
struct Script {
    var waiter: Waiter<Void, any Error>?
    var failure: PostgresError?
    /// The holder's requests that wait for its end.
    var behind: [Request] = []
}

/// What a transaction sees of others.
public enum TransactionIsolation: Sendable {
    case readCommitted, repeatableRead, serializable

    var begin: Statement {
        switch self {
        case .readCommitted: Self.readCommittedBegin
        case .repeatableRead: Self.repeatableReadBegin
        case .serializable: Self.serializableBegin
        }
    }

    private static let readCommittedBegin = Statement(
        name: "begin", sql: "BEGIN ISOLATION LEVEL READ COMMITTED")
    private static let repeatableReadBegin = Statement(
        name: "begin_repeatable_read", sql: "BEGIN ISOLATION LEVEL REPEATABLE READ")
    private static let serializableBegin = Statement(
        name: "begin_serializable", sql: "BEGIN ISOLATION LEVEL SERIALIZABLE")
    static let commit = Statement(name: "commit", sql: "COMMIT")
    static let rollback = Statement(name: "rollback", sql: "ROLLBACK")
}
