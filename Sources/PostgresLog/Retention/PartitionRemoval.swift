import Events
import Postgres
import Telemetry

/// Steps 2 and 3 of ``Retention``: detaches expired partitions and drops their tables, without
/// anybody waiting for it.
struct PartitionRemoval: Sendable {
    /// While detaching waits it holds no lock.
    private static let detachTimeout: Duration = .seconds(5)
    /// What ends the detaching, or drops, may hold one while it waits. It is tried only when nobody
    /// uses the table: a lock that waits would make others wait behind it.
    private static let lockTimeout: Duration = .milliseconds(500)

    let pool: PostgresPool
    let connect: @Sendable (_ lockTimeout: Duration) async throws -> PostgresConnection
    let gauges: RetentionMetrics
    let logger: Logger

    private struct Expired {
        let name: String
        let last: Position
        let isAttached: Bool
        let isDetaching: Bool
        let isInUse: Bool
        let detach: String
        let finalize: String
        /// Else of what goes with the log.
        let isOfLog: Bool
    }

    /// Removes what can be removed now; the rest is for the next time.
    func removeExpired() async throws {
        var previous: String?
        // Postgres has one partition of a table in detaching at most: the oldest comes first.
        while let partition = try await oldest(), partition.name != previous {
            previous = partition.name
            guard try await remove(partition) else { return }
        }
    }

    private func oldest() async throws -> Expired? {
        guard let row = try await pool.execute(RetentionSQL.expired).first else { return nil }
        return Expired(
            name: try row.string(0), last: try row.position(1), isAttached: try row.bool(2),
            isDetaching: try row.bool(3), isInUse: try row.bool(4), detach: try row.string(5),
            finalize: try row.string(6), isOfLog: try row.bool(7))
    }

    /// - Returns: false when some transaction is in the way.
    private func remove(_ partition: Expired) async throws -> Bool {
        var partition = partition
        if partition.isAttached {
            if !partition.isDetaching {
                guard try await tried(partition.detach, Self.detachTimeout) else { return false }
            } else if !partition.isInUse {
                guard try await tried(partition.finalize, Self.lockTimeout) else { return false }
            }
            guard let now = try await oldest(), now.name == partition.name else { return false }
            partition = now
        }
        guard !partition.isAttached, !partition.isInUse else { return false }
        let connection = try await connect(Self.lockTimeout)
        do {
            _ = try await connection.execute(RetentionSQL.drop, [.text(partition.name)])
        } catch let error as PostgresError where error.isLockTimeout {
            await connection.close()
            return false
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
        guard partition.isOfLog else { return true }
        gauges.droppedPartitions.increment()
        logger.info("Dropped a partition of the log", [.position: .init(partition.last)])
        return true
    }

    /// Runs a statement that cannot be part of a transaction.
    ///
    /// - Returns: false when it gave up waiting.
    private func tried(_ statement: String, _ lockTimeout: Duration) async throws -> Bool {
        let connection = try await connect(lockTimeout)
        do {
            try await connection.script(statement)
        } catch let error as PostgresError where error.isLockTimeout {
            await connection.close()
            logger.debug("A transaction uses a partition that is to go")
            return false
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
        return true
    }
}
