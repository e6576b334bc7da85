/// Work that turns out one by one while it runs, each piece in a task of its own.
final class TaskFeed<Element: Sendable>: Sendable {
    private let elements: AsyncStream<Element>
    private let continuation: AsyncStream<Element>.Continuation

    init() {
        (elements, continuation) = AsyncStream.makeStream(of: Element.self)
    }

    /// Has it worked on, unless the feed is closed.
    func begin(_ element: Element) { continuation.yield(element) }

    /// Nothing more is begun.
    func close() { continuation.finish() }

    /// Returns when the feed is closed and all that was begun is over. Once, by one task.
    ///
    /// - Throws: What the first piece of work throws that fails; the others are cancelled.
    func run(_ work: @escaping @Sendable (Element) async throws -> Void) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for await element in elements {
                group.addTask {
                    do {
                        try await work(element)
                    } catch {
                        // A failed group cancels its tasks, but does not end the wait for more of them.
                        self.close()
                        throw error
                    }
                }
            }
        }
    }
}
