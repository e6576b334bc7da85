import IO
import Telemetry

/// The way onto a channel's loop, from any task: what callers ask is done by ``ChannelCore`` there.
actor ChannelDoor {
    nonisolated let loop: IOLoop
    let core: ChannelCore
    private var nextToken: UInt64 = 0

    private static let ended = RPCError(.cancelled, "the call's scope has ended")

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(
        _ target: ClientTarget, loop: IOLoop, configuration: ClientConfiguration, logger: Logger
    ) {
        self.loop = loop
        core = ChannelCore(target, loop: loop, configuration: configuration, logger: logger)
    }

    /// Before anything else.
    nonisolated func start() {
        onLoop { $0.core.door = $0 }
    }

    func start(_ method: RPCMethod, _ options: CallOptions) -> UInt64 {
        core.open(method, options).id
    }

    func leave(_ id: UInt64) {
        if let call = core.call(id) { core.leave(call) }
    }

    func close() {
        core.close()
    }

    nonisolated func closeSoon() {
        onLoop { $0.core.close() }
    }

    var state: ChannelState { core.state }
    var statistics: ChannelStatistics { core.currentStatistics }

    /// One message each way, and the status.
    func unary(
        _ method: RPCMethod, _ request: [UInt8], _ options: CallOptions
    ) async throws -> [UInt8] {
        let call = core.open(method, options)
        defer { core.leave(call) }
        // A call that failed at once throws its status here.
        _ = try call.queue(request)
        call.finishSending()
        guard let response = try await nextResponse(of: call) else {
            throw RPCError(.unimplemented, "no response message")
        }
        guard try await nextResponse(of: call) == nil else {
            throw RPCError(.unimplemented, "more than one response message")
        }
        return response
    }

    private func nextResponse(of call: OutgoingCall) async throws -> [UInt8]? {
        switch call.pull() {
        case .message(let message): message
        case .end: nil
        case .fail(let error): throw error
        case .wait: try await waitOn(call.id) { $0.park(reader: $1) }
        }
    }

    // A caller on the loop gets what need not wait on the spot, without the hops onto the actor and
    // back. A caller elsewhere pays for a change of threads, and so takes all that is there.

    nonisolated func nextResponse(_ id: UInt64) async throws -> [UInt8]? {
        switch pullHere(id) {
        case .message(let message): message
        case .end: nil
        case .fail(let error): throw error
        case .wait: try await waitOn(id) { $0.park(reader: $1) }
        }
    }

    /// At least one response, in order; none is the end.
    nonisolated func nextResponses(_ id: UInt64) async throws -> [[UInt8]] {
        if !loop.isOnLoop {
            let batch = await pullAll(id)
            if !batch.isEmpty { return batch }
        }
        guard let message = try await nextResponse(id) else { return [] }
        return [message]
    }

    nonisolated private func pullHere(_ id: UInt64) -> ClientCallState.Pull {
        guard loop.isOnLoop else { return .wait }
        return assumeIsolated { $0.core.call(id)?.pull() ?? .fail(Self.ended) }
    }

    /// What is queued now; a stream's window bounds it.
    private func pullAll(_ id: UInt64) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        while let message = core.call(id)?.popMessage() { messages.append(message) }
        return messages
    }

    nonisolated func send(_ message: [UInt8], compressed: Bool, _ id: UInt64) async throws {
        let mustWait =
            if let outcome = queueHere(message, compressed, id) {
                try outcome.get()
            } else {
                try await queue(message, compressed, id)
            }
        if mustWait { try await waitOn(id) { $0.park(sender: $1) } }
    }

    nonisolated private func queueHere(
        _ message: [UInt8], _ compressed: Bool, _ id: UInt64
    ) -> Result<Bool, RPCError>? {
        guard loop.isOnLoop else { return nil }
        return assumeIsolated { door in
            Result { () throws(RPCError) in try door.queue(message, compressed, id) }
        }
    }

    private func queue(
        _ message: [UInt8], _ compressed: Bool, _ id: UInt64
    ) throws(RPCError) -> Bool {
        guard let call = core.call(id) else { throw Self.ended }
        return try call.queue(message, compressed: compressed)
    }

    func finishSending(_ id: UInt64) throws {
        guard let call = core.call(id) else { throw Self.ended }
        call.finishSending()
    }

    func initialMetadata(_ id: UInt64) async throws -> Metadata {
        guard let call = core.call(id) else { throw Self.ended }
        if let metadata = call.initialMetadata { return metadata }
        return try await waitOn(id) { $0.park(headersReader: $1) }
    }

    func responseWasCompressed(_ id: UInt64) -> Bool {
        core.call(id)?.responseWasCompressed ?? false
    }

    func trailingMetadata(_ id: UInt64) -> Metadata {
        core.call(id)?.trailingMetadata ?? Metadata()
    }

    /// Suspends the task until its waiter is resumed, or the task is cancelled.
    private func waitOn<Value>(
        _ id: UInt64, park: @Sendable (OutgoingCall, Waiter<Value>) -> Void
    ) async throws -> Value {
        // Tells a late cancellation from the next one who waits.
        nextToken += 1
        let token = nextToken
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                // Up to here the loop may have turned: the state is looked at anew, in one go with
                // parking. A cancellation from elsewhere reaches the loop after that.
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else if let call = core.call(id) {
                    park(call, Waiter(token: token, continuation: continuation))
                } else {
                    continuation.resume(throwing: Self.ended)
                }
            }
        } onCancel: {
            onLoop { $0.core.call(id)?.cancelWaiter(token) }
        }
    }

    /// Now when on the loop, else soon.
    nonisolated private func onLoop(
        _ action: @escaping @Sendable (isolated ChannelDoor) -> Void
    ) {
        if loop.isOnLoop {
            assumeIsolated(action)
        } else {
            loop.execute { self.assumeIsolated(action) }
        }
    }
}
