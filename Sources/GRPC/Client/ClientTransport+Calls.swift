import IO

/// What a call's holder asks of it, from any task.
extension ClientTransport {
    private static let ended = RPCError(.cancelled, "the call's scope has ended")

    func start(_ method: RPCMethod, _ options: CallOptions) -> UInt64 {
        open(method, options).call
    }

    /// One message each way, and the status.
    func unary(
        _ method: RPCMethod, _ request: [UInt8], _ options: CallOptions
    ) async throws -> [UInt8] {
        let stream = open(method, options)
        defer { leave(stream.call) }
        // A call that failed at once throws its status here.
        _ = try stream.queue(request)
        stream.finishSending()
        guard let response = try await nextResponse(stream.call) else {
            throw RPCError(.unimplemented, "no response message")
        }
        guard try await nextResponse(stream.call) == nil else {
            throw RPCError(.unimplemented, "more than one response message")
        }
        return response
    }

    // A caller on the loop gets what need not wait on the spot, without the hops onto the actor and
    // back. A caller elsewhere pays for a change of threads, and so takes all that is there.

    nonisolated func nextResponse(_ call: UInt64) async throws -> [UInt8]? {
        switch pullHere(call) {
        case .message(let message): message
        case .end: nil
        case .fail(let error): throw error
        case .wait: try await waitOn(call) { $0.park(reader: $1) }
        }
    }

    /// At least one response, in order; none is the end.
    nonisolated func nextResponses(_ call: UInt64) async throws -> [[UInt8]] {
        if !loop.isOnLoop {
            let batch = await pullAll(call)
            if !batch.isEmpty { return batch }
        }
        guard let message = try await nextResponse(call) else { return [] }
        return [message]
    }

    nonisolated private func pullHere(_ call: UInt64) -> ClientCallState.Pull {
        guard loop.isOnLoop else { return .wait }
        return assumeIsolated { $0.stream(call)?.pull() ?? .fail(Self.ended) }
    }

    /// What is queued now; a stream's window bounds it.
    private func pullAll(_ call: UInt64) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        while let stream = stream(call), let message = stream.popMessage() {
            messages.append(message)
        }
        return messages
    }

    nonisolated func send(
        _ message: [UInt8], compressed: Bool, _ call: UInt64
    ) async throws {
        let mustWait =
            if let outcome = queueHere(message, compressed, call) {
                try outcome.get()
            } else {
                try await queue(message, compressed, call)
            }
        if mustWait { try await waitOn(call) { $0.park(sender: $1) } }
    }

    nonisolated private func queueHere(
        _ message: [UInt8], _ compressed: Bool, _ call: UInt64
    ) -> Result<Bool, RPCError>? {
        guard loop.isOnLoop else { return nil }
        return assumeIsolated { transport in
            Result { () throws(RPCError) in try transport.queue(message, compressed, call) }
        }
    }

    private func queue(
        _ message: [UInt8], _ compressed: Bool, _ call: UInt64
    ) throws(RPCError) -> Bool {
        guard let stream = stream(call) else { throw Self.ended }
        return try stream.queue(message, compressed: compressed)
    }

    func finishSending(_ call: UInt64) throws {
        guard let stream = stream(call) else { throw Self.ended }
        stream.finishSending()
    }

    func initialMetadata(_ call: UInt64) async throws -> Metadata {
        guard let stream = stream(call) else { throw Self.ended }
        if let metadata = stream.initialMetadata { return metadata }
        return try await waitOn(call) { $0.park(headersReader: $1) }
    }

    func responseWasCompressed(_ call: UInt64) -> Bool {
        stream(call)?.responseWasCompressed ?? false
    }

    func trailingMetadata(_ call: UInt64) -> Metadata {
        stream(call)?.trailingMetadata ?? Metadata()
    }

    /// Suspends the task until its waiter is resumed, or the task is cancelled.
    private func waitOn<Value>(
        _ call: UInt64, park: @Sendable (ClientStream, Waiter<Value>) -> Void
    ) async throws -> Value {
        let token = makeToken()
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                // Up to here the loop may have turned: the state is looked at anew, in one go with
                // parking. A cancellation from elsewhere reaches the loop after that.
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else if let stream = stream(call) {
                    park(stream, Waiter(token: token, continuation: continuation))
                } else {
                    continuation.resume(throwing: Self.ended)
                }
            }
        } onCancel: {
            onLoop { $0.stream(call)?.cancelWaiter(token) }
        }
    }

    /// Now when on the loop, else soon.
    nonisolated private func onLoop(
        _ action: @escaping @Sendable (isolated ClientTransport) -> Void
    ) {
        if loop.isOnLoop {
            assumeIsolated(action)
        } else {
            loop.execute { self.assumeIsolated(action) }
        }
    }
}
