import Events
import Postgres

/// Whether the store can be used, and if not, why: what Health reports.
public enum StoreState: Sendable, Hashable {
    /// Not connected yet.
    case connecting
    case available
    case unavailable
    case diskFull
    /// Postgres could not write or flush its files and stopped.
    case fsyncFailed
    /// Postgres takes no writes: a standby.
    case readOnly

    init(_ error: any Error) {
        self =
            switch (error as? PostgresError)?.code {
            case .diskFull: .diskFull
            case .crashed: .fsyncFailed
            case .readOnly: .readOnly
            default: .unavailable
            }
    }

    var reason: EventsError.Reason {
        switch self {
        case .diskFull: .storeDiskFull
        case .fsyncFailed: .storeFsyncFailed
        case .readOnly: .storeReadOnly
        case .connecting, .available, .unavailable: .storeUnavailable
        }
    }

    var message: String {
        switch self {
        case .diskFull: "The store's disk is full."
        case .fsyncFailed: "The store could not write its files."
        case .readOnly: "The store takes no writes."
        case .connecting, .available, .unavailable: "The store is away."
        }
    }
}

extension EventsError {
    /// What the caller of the log sees of a failed statement.
    init(store error: PostgresError) {
        if error.storeIsAway || error.code == .timedOut || error.code == .conflict
            || error.code == .cancelled
        {
            self = .away(StoreState(error))
        } else {
            let state = error.sqlState.map { ", SQLSTATE \($0)" } ?? ""
            self = EventsError(
                .broken, "The store refused a statement (\(error.code)\(state)).")
        }
    }

    static func away(_ state: StoreState) -> EventsError {
        .unavailable(state.reason, state.message, retryAfter: .seconds(1))
    }

    /// Postgres was there and gave the statement up: a lock or its disk kept it from getting on.
    static let stalled = EventsError.unavailable(
        .storeUnavailable, "The store did not get to it in time; nothing was stored.",
        retryAfter: .seconds(1))

    /// The connection was lost with the events on their way: they may be stored or not.
    static let outcomeUnknown = EventsError.unavailable(
        .outcomeUnknown, "The store went away before it answered; the events may be stored.",
        retryAfter: .seconds(1))
}

extension PostgresError {
    /// The server gave the statement up, and rolled it back, for a reason that may pass: another
    /// session held a lock, the disk was slow, someone cancelled it.
    var isStall: Bool {
        switch code {
        case .timedOut, .cancelled, .conflict: sqlState != nil
        default: false
        }
    }

    /// It waited for a lock as long as it may: `lock_not_available`.
    var isLockTimeout: Bool { sqlState == "55P03" }
}
