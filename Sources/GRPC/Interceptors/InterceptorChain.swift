import Telemetry

extension RPCHandler {
    /// The handler with the interceptors around it, the first one outermost; the handler itself when
    /// none wants its calls.
    func intercepted(by interceptors: [any RPCInterceptor]) -> RPCHandler {
        var handle = handle
        for interceptor in interceptors.reversed() {
            guard let interceptor = interceptor.interceptor(for: method, on: .server) else {
                continue
            }
            let inner = handle
            handle = { requests, responses, call in
                try await interceptor.intercept(InterceptedCall(call)) { seen in
                    try await inner(requests, responses, seen.applied(to: call))
                }
            }
        }
        return RPCHandler(method, handle: handle)
    }
}

/// A channel's interceptors: a chain for each method, made with the first call of it.
final class ClientInterceptors: Sendable {
    private typealias Chain = ArraySlice<any RPCInterceptor>

    private let interceptors: [any RPCInterceptor]
    /// By path. Methods are the program's own, so there are few.
    private let chains = Lock<[String: Chain]>([:])

    /// Nil when there are none.
    init?(_ interceptors: [any RPCInterceptor]) {
        if interceptors.isEmpty { return nil }
        self.interceptors = interceptors
    }

    /// - Throws: ``RPCError`` when an interceptor neither went on nor threw; what they and `perform`
    ///   throw.
    func around<Result>(
        _ method: RPCMethod, _ options: CallOptions,
        _ perform: (CallOptions) async throws -> Result
    ) async throws -> Result {
        var result: Result?
        try await Self.run(chain(method), InterceptedCall(method, options)) { call in
            result = try await perform(call.applied(to: options))
        }
        guard let result else {
            throw RPCError(.cancelled, "an interceptor kept the call back")
        }
        return result
    }

    private static func run(
        _ chain: Chain, _ call: InterceptedCall,
        _ last: (InterceptedCall) async throws -> Void
    ) async throws {
        guard let interceptor = chain.first else { return try await last(call) }
        try await interceptor.intercept(call) { seen in
            try await run(chain.dropFirst(), seen, last)
        }
    }

    private func chain(_ method: RPCMethod) -> Chain {
        chains.withLock { chains in
            if let chain = chains[method.path] { return chain }
            let chain = interceptors.compactMap { $0.interceptor(for: method, on: .client) }[...]
            chains[method.path] = chain
            return chain
        }
    }
}
