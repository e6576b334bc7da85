public import IO

/// Sends webhooks' requests by libcurl, on a loop of their own: what libcurl does there besides waiting, such as
/// reading the system's certificates, holds up nobody else.
public actor HTTPClient: HTTPSender {
    nonisolated let loop: IOLoop
    private let userAgent: String
    private var queue: TransferQueue?
    private var isClosed = false

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe loop.asUnownedSerialExecutor()
    }

    /// - Parameter loop: Ends after ``close()``.
    public init(on loop: IOLoop, userAgent: String) {
        self.loop = loop
        self.userAgent = userAgent
    }

    /// Cancels what is under way. What is sent later is cancelled at once.
    public func close() {
        isClosed = true
        queue?.close()
        queue = nil
    }

    func send(_ request: HTTPRequest) async throws -> HTTPOutcome {
        let transfer = Transfer(request, userAgent: userAgent)
        let cancelling = LoopBound(transfer, on: loop)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<HTTPOutcome, any Error>) in
                guard !Task.isCancelled, !isClosed else {
                    return continuation.resume(throwing: CancellationError())
                }
                let queue = self.queue ?? TransferQueue(on: loop)
                self.queue = queue
                queue.start(transfer) { outcome in
                    if let outcome {
                        continuation.resume(returning: outcome)
                    } else {
                        continuation.resume(throwing: CancellationError())
                    }
                }
            }
        } onCancel: {
            loop.execute {
                self.assumeIsolated { $0.queue?.cancel(cancelling.value) }
            }
        }
    }
}
