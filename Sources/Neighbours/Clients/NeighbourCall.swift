import Events
import GRPC

/// Makes calls and tells how they went, in terms of what follows for the events behind them.
struct NeighbourCall: Sendable {
    let neighbour: Neighbour
    let method: String

    /// What the body returns, unless its call or its `Status` says that it failed.
    ///
    /// - Throws: `CancellationError` only.
    func outcome<Answer: Sendable>(
        _ body: () async throws -> Answer, status: (Answer) -> NeighbourFailure? = { _ in nil }
    ) async throws -> Result<Answer, NeighbourFailure> {
        do {
            let answer = try await body()
            return status(answer).map(Result.failure) ?? .success(answer)
        } catch let error as RPCError {
            return .failure(NeighbourFailure(error, from: neighbour, method: method))
        } catch {
            // A client throws nothing else.
            throw CancellationError()
        }
    }

    /// Does for each item alone what failed for all of them together, some at a time.
    ///
    /// - Returns: In the order of the items.
    static func eachAlone<Item: Sendable, Answer: Sendable>(
        _ items: [Item], width: Int = 16,
        _ body: @escaping @Sendable (Item) async throws -> Answer
    ) async throws -> [Answer] {
        try await withThrowingTaskGroup(of: (Int, Answer).self) { group in
            var answers: [Int: Answer] = [:]
            for (index, item) in items.enumerated() {
                if index >= width, let (done, answer) = try await group.next() {
                    answers[done] = answer
                }
                group.addTask { (index, try await body(item)) }
            }
            for try await (index, answer) in group { answers[index] = answer }
            return items.indices.compactMap { answers[$0] }
        }
    }
}

extension Result where Failure == NeighbourFailure {
    /// As the engine of the handlers takes it.
    var forHandler: Result<Success, any Error> { mapError { $0.handlerError } }
}
