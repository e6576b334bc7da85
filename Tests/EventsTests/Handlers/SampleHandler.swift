import Events

/// A handler that does what a test says.
struct SampleHandler: EventHandler {
    var name = "sample"
    var types = [TypePattern("lead.*")].compactMap(\.self)
    var hasExternalSideEffects = false
    var timeLimit: Duration = .seconds(30)
    var concurrency = 16
    var retry = RetryPolicy.standard
    var ordering = HandlerOrdering.perKey(afterDeadLetter: .continue)
    var kind = "handler"
    var body: @Sendable (RecordedEvent, HandlerContext) async throws -> HandlerVerdict = { _, _ in
        .done
    }

    var consumer: String { "\(kind)/\(name)" }

    func handle(_ event: RecordedEvent, context: HandlerContext) async throws -> HandlerVerdict {
        try await body(event, context)
    }
}

struct SampleFailure: Error, CustomStringConvertible {
    var description: String { "secret of the operator" }
}
