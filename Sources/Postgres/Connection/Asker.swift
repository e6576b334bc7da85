/// Who is told what a statement answered.
enum Asker {
    case task(Waiter<Rows, any Error>)
    /// Called on the connection's loop.
    case callback(@Sendable (Result<Rows, PostgresError>) -> Void)

    func tell(_ result: Result<Rows, PostgresError>) {
        switch (self, result) {
        case (.task(let waiter), .success(let rows)): waiter.resume(returning: rows)
        case (.task(let waiter), .failure(let error)): waiter.resume(throwing: error)
        case (.callback(let callback), _): callback(result)
        }
    }

    /// Only tasks are cancelled.
    func cancel() {
        if case .task(let waiter) = self { waiter.resume(throwing: CancellationError()) }
    }
}
