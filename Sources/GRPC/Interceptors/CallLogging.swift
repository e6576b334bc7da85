public import Telemetry

/// Logs each call's end at debug level: method, status, how long it took, and who called. A logger
/// above that level has no part in any call.
public struct CallLogging: RPCInterceptor {
    private let logger: Logger

    public init(_ logger: Logger) { self.logger = logger }

    public func interceptor(
        for method: RPCMethod, on side: RPCSide
    ) -> (any RPCInterceptor)? {
        logger.level <= .debug ? self : nil
    }

    public func intercept(
        _ call: InterceptedCall, next: (InterceptedCall) async throws -> Void
    ) async throws {
        let start = MonotonicTime.now
        do {
            try await next(call)
        } catch {
            log(call, call.code(of: error), start)
            throw error
        }
        log(call, .ok, start)
    }

    private func log(
        _ call: InterceptedCall, _ code: RPCStatusCode, _ start: MonotonicTime
    ) {
        var fields: [LogKey: LogValue] = [
            .method: .string(call.method.path), .status: .init(code),
            .duration: .init(start.duration(to: .now)),
        ]
        if let peer = call.peer { fields[.peer] = .init(peer) }
        logger.debug("Call ended", fields)
    }
}
