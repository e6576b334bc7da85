import IO
import Telemetry

extension PostgresConnection {
    /// Goes from `connecting` to `open`, or throws and is closed.
    func open(_ parameters: [(keyword: String, value: String)]) async throws {
        do {
            handle = try ConnectionHandle.start(parameters)
            try await withTaskCancellationHandler {
                try await suspended { waiter in
                    connectWaiter = waiter
                    if Task.isCancelled {
                        connectCancelled()
                        return
                    }
                    watchConnecting(.write)
                    connectTimer = loop.schedule(after: configuration.connectTimeout) {
                        self.assumeIsolated { $0.connectTimedOut() }
                    }
                }
            } onCancel: {
                loop.execute { self.assumeIsolated { $0.connectCancelled() } }
            }
        } catch {
            end(PostgresError(.cannotConnect, "the connection was never open"))
            throw error
        }
    }

    private func connectTimedOut() {
        guard case .connecting = state else { return }
        end(PostgresError(.cannotConnect, "no answer within \(configuration.connectTimeout)"))
    }

    private func connectCancelled() {
        // Before it parked: it looks for itself then.
        guard connectWaiter != nil, case .connecting = state else { return }
        connectWaiter.take()?.resume(throwing: CancellationError())
        end(PostgresError(.cannotConnect, "connecting was cancelled"))
    }

    /// Waits for the socket that libpq uses now, which may be another one after each poll.
    private func watchConnecting(_ interest: Interest) {
        guard let handle, handle.socket >= 0 else {
            end(PostgresError(.cannotConnect, "libpq has no socket"))
            return
        }
        do {
            registration = try loop.register(
                handle.socket, interest, handler: ReadinessRelay(self))
        } catch {
            end(PostgresError(.cannotConnect, "the socket can't be watched: \(error)"))
        }
    }

    func connectReady() {
        guard let handle else { return }
        // Before libpq closes the descriptor.
        registration?.cancel()
        registration = nil
        switch handle.poll() {
        case .reading: watchConnecting(.read)
        case .writing: watchConnecting(.write)
        case .failed: end(handle.connectError())
        case .connected: connected(handle)
        }
    }

    private func connected(_ handle: ConnectionHandle) {
        guard handle.enterPipeline() else {
            end(PostgresError(.cannotConnect, "libpq refuses to pipeline"))
            return
        }
        watchConnecting(.read)
        guard case .connecting = state else { return }
        connectTimer?.cancel()
        connectTimer = nil
        state = .open
        logger.debug(
            "Connected to Postgres",
            [
                .address: .string(configuration.location),
                .backendPID: .init(handle.backendPID),
                .serverVersion: .init(handle.serverVersion),
            ])
        if configuration.givesWay, configuration.isPrivate { giveWay(handle.backendPID) }
        connectWaiter.take()?.resume()
    }
    private func giveWay(_ process: Int32) {
        switch ProcessPriority.lower(process) {
        case .lowered: break
        case .tooSoon:
            _ = loop.schedule(after: .milliseconds(200)) { [weak self] in
                self?.assumeIsolated { connection in
                    if connection.isOpen { connection.giveWay(process) }
                }
            }
        case .refused(let error):
            logger.debug(
                "The session's process keeps its priority",
                [.backendPID: .init(process), .error: .string(error)])
        }
    }
}
