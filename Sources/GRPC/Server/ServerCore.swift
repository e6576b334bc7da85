import Synchronization
import Telemetry

/// What all connections of a server share.
final class ServerCore: Sendable {
    let router: Router
    let configuration: RPCServerConfiguration
    let logger: Logger
    /// From start to return, also of handlers whose call is long gone.
    let handlersRunning = Atomic<Int>(0)
    private let connections = Lock(Connections())

    private struct Connections {
        var open: [ObjectIdentifier: ServerConnection] = [:]
        var draining = false
        var whenEmpty: [UnsafeContinuation<Void, Never>] = []
    }

    init(
        _ services: [any RPCService], _ interceptors: [any RPCInterceptor],
        _ configuration: RPCServerConfiguration, _ logger: Logger
    ) {
        router = Router(
            services, interceptors: interceptors, resources: configuration.plainResources)
        self.configuration = configuration
        self.logger = logger
    }

    /// Runs a handler to its end and answers with what it came to.
    nonisolated func run(
        _ handler: RPCHandler, _ call: ServerCall, on connection: ServerConnection, stream: Int32
    ) async {
        var failure: RPCError?
        do {
            try await handler.handle(call.requests, call.responses, call)
        } catch let error as RPCError {
            failure = error
        } catch is CancellationError {
            failure = RPCError(.cancelled, "cancelled")
        } catch {
            failure = internalError(error, call)
        }
        handlersRunning.wrappingSubtract(1, ordering: .relaxed)
        connection.handlerEnded(stream, failure)
    }

    /// The client hears a reference; what it stands for is in the log.
    private func internalError(_ error: any Error, _ call: ServerCall) -> RPCError {
        let reference = String(UInt64.random(in: .min ... .max), radix: 36)
        logger.error(
            "A handler failed",
            [
                .method: .init(call.method.path), .errorReference: .init(reference),
                .error: .init("\(error)"),
            ])
        return RPCError(.internalError, "internal error, reference \(reference)")
    }

    // MARK: Connections

    /// - Returns: False when there are too many, or the server is on its way out.
    func add(_ connection: ServerConnection) -> Bool {
        connections.withLock { connections in
            guard !connections.draining, connections.open.count < configuration.maxConnections
            else { return false }
            connections.open[ObjectIdentifier(connection)] = connection
            return true
        }
    }

    func connectionClosed(_ connection: ServerConnection) {
        let waiters = connections.withLock { connections in
            connections.open[ObjectIdentifier(connection)] = nil
            guard connections.open.isEmpty else { return [UnsafeContinuation<Void, Never>]() }
            defer { connections.whenEmpty = [] }
            return connections.whenEmpty
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Takes no more connections.
    ///
    /// - Returns: Those that are open.
    func refuseConnections() -> [ServerConnection] {
        connections.withLock { connections in
            connections.draining = true
            return Array(connections.open.values)
        }
    }

    var openConnections: [ServerConnection] {
        connections.withLock { Array($0.open.values) }
    }

    /// Returns when no connection is open.
    func waitUntilEmpty() async {
        await withUnsafeContinuation { waiter in
            let isEmpty = connections.withLock { connections in
                if !connections.open.isEmpty { connections.whenEmpty.append(waiter) }
                return connections.open.isEmpty
            }
            if isEmpty { waiter.resume() }
        }
    }
}
