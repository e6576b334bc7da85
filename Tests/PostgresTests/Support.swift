import Postgres
import Telemetry
import TestSupport

/// A connection to a database of one's own, closed at the end.
func withConnection<Result: Sendable>(
    _ change: (inout PostgresConfiguration) -> Void = { _ in },
    _ body: (PostgresConnection) async throws -> Result
) async throws -> Result {
    try await TestPostgres.withDatabase { configuration in
        var configuration = configuration
        change(&configuration)
        return try await withConnection(to: configuration, body)
    }
}

func withConnection<Result: Sendable>(
    to configuration: PostgresConfiguration,
    _ body: (PostgresConnection) async throws -> Result
) async throws -> Result {
    let connection = try await PostgresConnection.connect(
        configuration, on: TestLoops.next, logger: .silent)
    do {
        let result = try await body(connection)
        await connection.close()
        return result
    } catch {
        await connection.close()
        throw error
    }
}

/// A pool that runs while `body` does.
func withPool<Result: Sendable>(
    _ configuration: PostgresConfiguration, _ limits: PostgresPool.Limits,
    _ body: @Sendable @escaping (PostgresPool) async throws -> Result
) async throws -> Result {
    let pool = PostgresPool(configuration, limits, loops: TestLoops.group, logger: .silent)
    return try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask {
            try await pool.run()
            return nil
        }
        group.addTask { try await body(pool) }
        var result: Result?
        while result == nil { result = try await group.next() ?? nil }
        group.cancelAll()
        guard let result else { throw CancellationError() }
        return result
    }
}

/// A statement that no other has the name of.
func sql(_ text: String) -> Statement { Statement(name: text, sql: text) }

/// The error that `body` throws.
func postgresError(
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Void
) async -> PostgresError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? PostgresError
    }
}
