public import IO
public import Telemetry

/// One session on the server, pinned to a loop.
///
/// Several callers may have statements under way: they travel in one pipeline, each in a
/// transaction of its own, so that one that fails leaves its neighbours alone, and are answered in
/// the order they were asked. A transaction has the connection to itself.
///
/// A caller that is cancelled leaves at once; the server still ends what it began.
public actor PostgresConnection {
    enum State {
        case connecting
        case open
        case closed(PostgresError)
    }

    public nonisolated let loop: IOLoop
    package nonisolated let configuration: PostgresConfiguration
    nonisolated let logger: Logger
    /// Called once, on the loop.
    private let onClose: @Sendable (PostgresConnection) -> Void

    var state = State.connecting
    var handle: ConnectionHandle?
    var registration: Registration?
    /// While connecting.
    var connectWaiter: Waiter<Void, any Error>?
    var connectTimer: IOTimer?

    // What was asked.
    var nextID: UInt64 = 0
    var waiting = Fifo<Waiting>()
    /// Sent, in step with `replies`.
    var inFlight = Fifo<Request>()
    var replies = PipelineReplies()
    var prepared = PreparedStatements()
    /// Who asked what a request answers; nobody any more for one that was cancelled.
    var askers: [UInt64: Asker] = [:]
    var turnWaiters: [UInt64: Waiter<Void, any Error>] = [:]
    /// Who has the connection alone.
    var holder: Turn?
    var script: Script?
    var idleWaiter: Waiter<Void, any Error>?
    var listeners: [String: [AsyncStream<PostgresNotification>.Continuation]] = [:]
    /// Why the server said it ends the session.
    var farewell: PostgresError?
    /// Requests and scripts that were sent, and those of them that were answered.
    var sentCount: UInt64 = 0
    var answeredCount: UInt64 = 0
    /// Who wants to know when as many are answered.
    private var answerWaiters = Fifo<(count: UInt64, then: @Sendable () -> Void)>()
    var lastProgress = ContinuousClock.now
    var watchdog: IOTimer?

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe loop.asUnownedSerialExecutor()
    }

    private init(
        _ configuration: PostgresConfiguration, loop: IOLoop, logger: Logger,
        onClose: @escaping @Sendable (PostgresConnection) -> Void
    ) {
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
        self.onClose = onClose
    }

    /// Connects to the first host that answers in time and is what `target_session_attrs` asks for.
    /// Whoever connects must `close`.
    ///
    /// - Throws: ``PostgresError``: `.cannotConnect`, `.authenticationFailed`, `.shuttingDown` …
    public static func connect(
        _ configuration: PostgresConfiguration, on loop: IOLoop, logger: Logger
    ) async throws -> PostgresConnection {
        try await connect(configuration, on: loop, logger: logger) { _ in }
    }

    /// - Parameter onClose: Called once, on the loop, when a connection that was open ends.
    package static func connect(
        _ configuration: PostgresConfiguration, on loop: IOLoop, logger: Logger,
        onClose: @escaping @Sendable (PostgresConnection) -> Void
    ) async throws -> PostgresConnection {
        var failures: [PostgresError] = []
        for parameters in try await HostResolver.attempts(configuration.libpqParameters) {
            let connection = PostgresConnection(
                configuration, loop: loop, logger: logger, onClose: onClose)
            do {
                try await connection.open(parameters)
                return connection
            } catch let error as PostgresError where error.code != .authenticationFailed {
                failures.append(error)
            }
        }
        guard let last = failures.last, failures.count > 1 else {
            throw failures.first ?? PostgresError(.cannotConnect, "no host to connect to")
        }
        throw PostgresError(
            last.code, failures.map(\.message).joined(separator: "; "), sqlState: last.sqlState)
    }

    public var isOpen: Bool {
        if case .open = state { true } else { false }
    }

    /// As the server numbers itself: 150004 for 15.4.
    public var serverVersion: Int { handle?.serverVersion ?? 0 }

    /// The server's process for this session.
    public var backendPID: Int32 { handle?.backendPID ?? 0 }

    /// Ends the session; what is under way gets `.connectionLost`.
    public func close() {
        end(PostgresError(.connectionLost, "the connection was closed"))
    }

    /// Calls `then` once all that was sent is answered, or the session has ended: on the loop, and
    /// perhaps before this returns. Who is cancelled leaves before the server has ended what it does.
    func whenAnswered(_ then: @escaping @Sendable () -> Void) {
        guard isOpen, answeredCount < sentCount else { return then() }
        answerWaiters.append((sentCount, then))
    }

    /// The oldest that was sent is answered.
    func answered() {
        answeredCount += 1
        while let next = answerWaiters.first, next.count <= answeredCount {
            _ = answerWaiters.popFirst()
            next.then()
        }
    }

    /// Ends the session and tells everyone who waits.
    func end(_ error: PostgresError) {
        if case .closed = state { return }
        let wasOpen = isOpen
        state = .closed(error)
        registration?.cancel()
        registration = nil
        connectTimer?.cancel()
        watchdog?.cancel()
        handle = nil
        connectWaiter.take()?.resume(throwing: error)
        idleWaiter.take()?.resume(throwing: error)
        script?.waiter.take()?.resume(throwing: error)
        script = nil
        inFlight = Fifo()
        waiting = Fifo()
        let asked = askers
        askers = [:]
        for asker in asked.values { asker.tell(.failure(error)) }
        for waiter in turnWaiters.values { waiter.resume(throwing: error) }
        turnWaiters = [:]
        for streams in listeners.values {
            for stream in streams { stream.finish() }
        }
        listeners = [:]
        while let waiter = answerWaiters.popFirst() { waiter.then() }
        if wasOpen { onClose(self) }
    }

    func finish(_ id: UInt64, _ result: Result<Rows, PostgresError>) {
        askers.removeValue(forKey: id)?.tell(result)
    }

    /// Throws when there is no session.
    func requireOpen() throws(PostgresError) -> ConnectionHandle {
        if case .closed(let error) = state { throw error }
        guard case .open = state, let handle else {
            throw PostgresError(.cannotConnect, "the connection is not open yet")
        }
        return handle
    }
}

/// Brings readiness home to the actor. The loop keeps it, and with it the connection, while the
/// session lasts.
final class ReadinessRelay: ReadinessHandler {
    private let connection: PostgresConnection

    init(_ connection: PostgresConnection) { self.connection = connection }

    func ready(_ readiness: Readiness) {
        connection.assumeIsolated { $0.ready(readiness) }
    }
}
