import IO
import Telemetry

extension PostgresConnection {
    func ready(_ readiness: Readiness) {
        if case .connecting = state {
            connectReady()
            return
        }
        guard isOpen, let handle else { return }
        if readiness.contains(.writable) { flush(handle) }
        guard !readiness.isDisjoint(with: [.readable, .hangup, .error]) else { return }
        let alive = handle.consumeInput()
        if script != nil { readScript(handle) } else { readPipeline(handle) }
        readNotifications(handle)
        if !alive || handle.isBad {
            end(farewell ?? PostgresError(.connectionLost, "the server closed the connection"))
            return
        }
        flush(handle)
        pump()
    }

    private func readPipeline(_ handle: ConnectionHandle) {
        guard !replies.isEmpty else { return }
        while isOpen, !replies.isEmpty, !handle.isBusy {
            let result = handle.nextResult()
            if let result, result.isOfLibrary {
                return end(farewell ?? PostgresError(.connectionLost, "the answer was cut off"))
            }
            switch replies.received(Self.reply(result)) {
            case .ignore: break
            case .keepAnswer: keepAnswer(result)
            case .keepFailure(let command):
                keepFailure(result, command)
                // Nothing of use follows.
                if let farewell { return end(farewell) }
            case .complete: complete()
            case .violation:
                logger.error("Postgres answered out of step")
                end(PostgresError(.connectionLost, "the server answered out of step"))
            }
        }
        lastProgress = .now
        if inFlight.isEmpty, isOpen { idleWaiter.take()?.resume() }
    }

    private static func reply(_ result: ResultHandle?) -> PipelineReplies.Reply {
        switch result?.status {
        case nil: .end
        case .rows, .command: .answer
        case .aborted: .aborted
        case .sync: .sync
        case .failed, .copy: .failure
        }
    }

    private func keepAnswer(_ result: ResultHandle?) {
        guard let result else { return }
        do {
            let rows = try result.rows()
            inFlight.updateFirst { $0.rows = rows }
        } catch {
            inFlight.updateFirst { $0.failure = error }
        }
    }

    private func keepFailure(_ result: ResultHandle?, _ command: Int) {
        guard let failure = result?.failure else { return }
        let error = ErrorClassifier.error(failure)
        if failure.endsSession { farewell = error }
        inFlight.updateFirst { request in
            request.failure = error
            for preparing in request.preparing where preparing.command >= command {
                preparing.entry.failure = error
                prepared.forget(preparing.entry, of: preparing.statement)
            }
            // Gone, or its result has other columns since the tables changed: prepare it anew.
            if let entry = request.entry, ["26000", "0A000"].contains(error.sqlState) {
                // Where it was never prepared, the reason is the one of that failure.
                if let reason = entry.failure { request.failure = reason }
                prepared.forget(entry, of: request.statement)
            }
        }
    }

    /// The oldest request is done, and what it did is durable.
    private func complete() {
        guard let request = inFlight.popFirst() else { return }
        defer { answered() }
        if let failure = request.failure {
            logger.debug(
                "Statement failed",
                [
                    .statement: .string(request.statement.name),
                    .sqlState: .string(failure.sqlState ?? ""),
                    .errorCode: .string("\(failure.code)"),
                ])
            finish(request.id, .failure(failure))
        } else if let rows = request.rows {
            finish(request.id, .success(rows))
        } else {
            let error = PostgresError(.rejected, "the statement has no answer")
            finish(request.id, .failure(error))
        }
    }

    private func readNotifications(_ handle: ConnectionHandle) {
        guard !listeners.isEmpty else { return }
        while let notification = handle.nextNotification() {
            listeners[notification.channel]?.removeAll { stream in
                if case .terminated = stream.yield(notification) { return true }
                return false
            }
        }
    }

    /// Notifications of a channel from now on; the newest 256 wait for a slow reader. The stream
    /// ends with the connection.
    ///
    /// - Throws: ``PostgresError``.
    public func listen(_ channel: String) async throws -> AsyncStream<PostgresNotification> {
        let handle = try requireOpen()
        guard let name = handle.quoted(identifier: channel) else {
            throw PostgresError(.rejected, "not a name for a channel")
        }
        let (stream, continuation) = AsyncStream.makeStream(
            of: PostgresNotification.self, bufferingPolicy: .bufferingNewest(256))
        // Before the server knows, so that none is missed.
        listeners[channel, default: []].append(continuation)
        do {
            _ = try await run(
                Statement(name: "listen_\(channel)", sql: "LISTEN \(name)"), .none, turn: nil)
        } catch {
            continuation.finish()
            throw error
        }
        return stream
    }
}
