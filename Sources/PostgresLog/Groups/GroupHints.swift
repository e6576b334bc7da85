public import IO
public import Postgres
public import Telemetry

/// Tells other nodes to look at their groups, and hears it from them.
///
/// A hint is empty and may be lost: nodes look by themselves too, only later.
public final class GroupHints: Sendable {
    private static let channel = "apus_groups"
    /// Between two hints of this node.
    private static let pause: Duration = .milliseconds(5)

    private let database: PostgresConfiguration
    private let pool: PostgresPool
    private let loop: IOLoop
    private let clock: LoopClock
    private let logger: Logger
    private let wanted: AsyncStream<Void>
    private let wish: AsyncStream<Void>.Continuation

    /// - Parameter pool: For telling; run by its owner.
    public init(
        _ database: PostgresConfiguration, pool: PostgresPool, loops: IOLoopGroup, logger: Logger
    ) {
        var database = database
        database.applicationName = "apus group hints"
        self.database = database
        self.pool = pool
        self.logger = logger
        loop = loops.next()
        clock = LoopClock(loop)
        (wanted, wish) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// This node did something that others should look at.
    public func tell() { wish.yield() }

    /// Keeps a connection, until the task is cancelled. Runs once.
    ///
    /// - Parameter heard: Somebody did something; at once, and each time when nobody listened.
    public func run(_ heard: @escaping @Sendable () -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.listen(heard) }
            group.addTask { try await self.send() }
            for try await _ in group {}
        }
    }

    private func listen(_ heard: @escaping @Sendable () -> Void) async throws {
        var pause = Backoff()
        while true {
            do {
                let connection = try await PostgresConnection.connect(
                    database, on: loop, logger: logger)
                do {
                    let notifications = try await connection.listen(Self.channel)
                    pause = Backoff()
                    heard()
                    for await _ in notifications { heard() }
                } catch {
                    await connection.close()
                    throw error
                }
                await connection.close()
            } catch {
                try Task.checkCancellation()
                logger.warning("Lost the connection for groups' hints", [.error: .init("\(error)")])
            }
            try await clock.sleep(for: pause.delay())
        }
    }

    private func send() async throws {
        for await _ in wanted {
            do {
                _ = try await pool.execute(GroupSQL.hint)
            } catch is PostgresError {
                // Others look by themselves.
                logger.debug("A hint for groups was not sent")
            }
            try await clock.sleep(for: Self.pause)
        }
    }
}
