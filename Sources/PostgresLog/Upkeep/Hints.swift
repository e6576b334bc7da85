import Events
import IO
import Postgres
import Synchronization
import Telemetry

/// Tells other nodes that the log grew, and hears it from them.
///
/// A hint is empty: who gets one asks where the head is. Hints are coalesced, sent after the
/// commit, and may be lost; readers poll as well.
///
/// A node that is alone sends none: a NOTIFY is a transaction of its own, and wakes every session
/// that listens to anything. It looks for others while it stores events, at most once a second. One
/// that comes says so by a hint of its own, and what was not told until then is told at once.
actor Hints {
    /// By which nodes find one another's sessions.
    static let sessionName = "apus hints"
    private static let channel = "apus_log"
    /// Between two hints of this node, and between two questions that others' lead to.
    private static let pause: Duration = .milliseconds(5)
    /// Between two looks for other nodes.
    private static let lookPause: Duration = .seconds(1)
    /// Hints until it looks whether anybody is left.
    private static let hintsBetweenLooks = 200

    private let loop: IOLoop
    private let connect: @Sendable () async throws -> PostgresConnection
    private let observers: LogObservers
    private let logger: Logger
    private let clock: any Clock<Duration>
    /// This node stored something that was not told yet.
    private nonisolated let hasNews = Atomic<Bool>(false)
    /// Hints to send before it looks for listeners again; 0 while it knows of none.
    private var hintsLeft = 0
    private var waiter: CheckedContinuation<Void, Never>?

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    init(
        on loop: IOLoop, observers: LogObservers, logger: Logger,
        clock: any Clock<Duration> = ContinuousClock(),
        connect: @escaping @Sendable () async throws -> PostgresConnection
    ) {
        self.loop = loop
        self.observers = observers
        self.logger = logger
        self.clock = clock
        self.connect = connect
    }

    /// This node stored something. Any thread.
    nonisolated func tell() {
        guard !hasNews.exchange(true, ordering: .sequentiallyConsistent) else { return }
        loop.onLoop { self.assumeIsolated { $0.wake() } }
    }

    /// Keeps a connection, until the task is cancelled.
    func run() async throws {
        var pause = Backoff()
        while true {
            do {
                let connection = try await connect()
                do {
                    try await serve(connection)
                    pause = Backoff()
                } catch {
                    await connection.close()
                    throw error
                }
                await connection.close()
            } catch {
                try Task.checkCancellation()
                logger.warning("Lost the connection for hints", [.error: .init("\(error)")])
            }
            try await clock.sleep(for: pause.delay())
        }
    }

    private func serve(_ connection: PostgresConnection) async throws {
        // A hint promises nothing: it needs no flush.
        try await connection.script("set synchronous_commit = off")
        let notifications = try await connection.listen(Self.channel)
        let own = await connection.backendPID
        // Others hear that there is one more.
        hintsLeft = 0
        hasNews.store(true, ordering: .sequentiallyConsistent)
        // Of hints that come while one is asked about, one is remembered: anybody may send any number.
        let (heard, hint) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.hear(notifications, own: own, hint) }
            group.addTask { try await self.follow(heard, over: connection) }
            group.addTask { try await self.lookForOthers(over: connection) }
            group.addTask { try await self.sendHints(over: connection) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Returns when the connection ends.
    private func hear(
        _ notifications: AsyncStream<PostgresNotification>, own: Int32,
        _ hint: AsyncStream<Void>.Continuation
    ) async {
        for await notification in notifications where notification.backendPID != own {
            if hintsLeft == 0 { noticeOthers() }
            hint.yield()
        }
    }

    private func follow(
        _ heard: AsyncStream<Void>, over connection: PostgresConnection
    ) async throws {
        // What was missed while nobody listened: more events, or another history.
        observers.reached(try await connection.openEpoch(knowing: observers.history))
        for await _ in heard {
            try await askForHead(over: connection)
            try await clock.sleep(for: Self.pause)
        }
    }

    // Inlined into the loop above it makes the optimiser of Swift 6.3.1 crash.
    @inline(never)
    private func askForHead(over connection: PostgresConnection) async throws {
        observers.reached(try LogBounds(await connection.execute(SQLText.bounds).only()))
    }

    private func sendHints(over connection: PostgresConnection) async throws {
        while true {
            try Task.checkCancellation()
            guard mayTell else {
                await park()
                continue
            }
            hasNews.store(false, ordering: .sequentiallyConsistent)
            _ = try await connection.execute(SQLText.hint)
            hintsLeft -= 1
            if hintsLeft == 0, try await isHeard(over: connection) { noticeOthers() }
            try await clock.sleep(for: Self.pause)
        }
    }

    /// There is something to tell, and somebody to hear it.
    private var mayTell: Bool {
        hintsLeft > 0 && hasNews.load(ordering: .sequentiallyConsistent)
    }

    private func lookForOthers(over connection: PostgresConnection) async throws {
        while true {
            if hintsLeft == 0, hasNews.load(ordering: .sequentiallyConsistent),
                try await isHeard(over: connection)
            {
                noticeOthers()
            }
            try await clock.sleep(for: Self.lookPause)
        }
    }

    private func noticeOthers() {
        hintsLeft = Self.hintsBetweenLooks
        wake()
    }

    private func isHeard(over connection: PostgresConnection) async throws -> Bool {
        try await connection.execute(
            SQLText.hintAudience, [.text(Self.sessionName)]
        ).only().bool(0)
    }

    private func park() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled || mayTell {
                    continuation.resume()
                } else {
                    waiter = continuation
                }
            }
        } onCancel: {
            loop.execute { self.assumeIsolated { $0.wake() } }
        }
    }

    private func wake() {
        waiter?.resume()
        waiter = nil
    }
}
