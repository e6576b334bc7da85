/// Stands around calls, on either side: sees what each begins with and how it ends, changes its
/// metadata, or refuses it.
///
/// One shape for both sides, since what logs, counts, limits or authenticates is the same on both.
/// Messages don't pass through here: they are streams of bytes on the hot path, and who wants to see
/// them stands around the handler.
///
/// Calls that no method answers (an unknown path, a malformed head, a unary request that never came
/// whole) end before any interceptor hears of them.
public protocol RPCInterceptor: Sendable {
    /// Who intercepts the calls of a method: asked once for each, so what depends on the method, like
    /// its counters, is looked up here and not in every call. Nil leaves its calls alone.
    ///
    /// By default the interceptor itself.
    func interceptor(for method: RPCMethod, on side: RPCSide) -> (any RPCInterceptor)?

    /// What is to be told of calls that end before an interceptor could see them: those of methods
    /// that nobody serves, and those that a limit, a deadline or the client ends before their request
    /// is complete. On a server; asked for once.
    ///
    /// - Parameter method: Nil for all methods that nobody serves.
    func refusals(of method: RPCMethod?) -> (@Sendable (RPCStatusCode) -> Void)?

    /// Runs once in each call, within its task.
    ///
    /// Throwing before `next` refuses the call: a server's client hears the ``RPCError``, a client's
    /// caller gets it. What `next` throws is how the call ended, and is thrown on; what is thrown
    /// instead becomes its end.
    ///
    /// - Parameters:
    ///   - next: What the call is about, within the interceptors that follow: a server's handler, a
    ///     client's request with the body that reads its responses. It sees the changes of the call
    ///     that it is given.
    func intercept(
        _ call: InterceptedCall, next: (InterceptedCall) async throws -> Void
    ) async throws
}

extension RPCInterceptor {
    public func interceptor(
        for method: RPCMethod, on side: RPCSide
    ) -> (any RPCInterceptor)? { self }

    public func refusals(of method: RPCMethod?) -> (@Sendable (RPCStatusCode) -> Void)? { nil }
}

public enum RPCSide: Sendable { case client, server }
