public import Telemetry

/// Counts calls and measures how long they take, under the names that dashboards for gRPC look for:
/// `grpc_server_started_total`, `grpc_server_handled_total` (by status) and
/// `grpc_server_handling_seconds`; `grpc_client_…` on a client.
///
/// A streaming call is handled when it has ended. Calls that were refused before their handler began
/// count as well; those of methods that nobody serves under the name `unknown`.
public struct CallMetrics: RPCInterceptor {
    private let registry: MetricsRegistry

    public init(_ registry: MetricsRegistry) { self.registry = registry }

    public func interceptor(
        for method: RPCMethod, on side: RPCSide
    ) -> (any RPCInterceptor)? {
        MethodMetrics(registry, Self.label(method), side)
    }

    public func refusals(of method: RPCMethod?) -> (@Sendable (RPCStatusCode) -> Void)? {
        MethodMetrics(registry, method.map(Self.label) ?? "unknown", .server).refused
    }

    private static func label(_ method: RPCMethod) -> String { String(method.path.dropFirst()) }

    public func intercept(
        _ call: InterceptedCall, next: (InterceptedCall) async throws -> Void
    ) async throws {
        try await MethodMetrics(registry, Self.label(call.method), call.side)
            .intercept(call, next: next)
    }
}

/// One method's metrics, so that a call looks up none.
private final class MethodMetrics: RPCInterceptor {
    private let started: Counter
    /// By the status' number. All exist from the start: a rate needs the zero before the first.
    private let handled: [Counter]
    private let seconds: Histogram

    init(_ registry: MetricsRegistry, _ method: String, _ side: RPCSide) {
        let prefix = side == .server ? "grpc_server" : "grpc_client"
        let label = MetricLabel(.method, method)
        started = registry.counter(
            "\(prefix)_started_total", help: "Calls that began.", labels: [label])
        handled = RPCStatusCode.all.map { code in
            registry.counter(
                "\(prefix)_handled_total", help: "Calls that ended, by their status.",
                labels: [label, MetricLabel(.code, code.description)])
        }
        seconds = registry.histogram(
            "\(prefix)_handling_seconds", help: "How long calls took to their end.",
            labels: [label])
    }

    func intercept(
        _ call: InterceptedCall, next: (InterceptedCall) async throws -> Void
    ) async throws {
        started.increment()
        let start = MonotonicTime.now
        do {
            try await next(call)
        } catch {
            ended(call.code(of: error), start)
            throw error
        }
        ended(.ok, start)
    }

    @Sendable func refused(_ code: RPCStatusCode) {
        started.increment()
        handled[code.rawValue].increment()
    }

    private func ended(_ code: RPCStatusCode, _ start: MonotonicTime) {
        handled[code.rawValue].increment()
        seconds.record(start.duration(to: .now))
    }
}
