public import IO
public import Telemetry

/// A way to a target: to one server, or to several that serve the same.
///
/// ```
///  caller ─▶ ClientChannel ─▶ ChannelDoor ─▶ ChannelCore ─┬▶ OutgoingCall ─▶ ClientStream ─┐
///  any task    the API         actor: onto     the loop's  │  RetryState       one attempt │
///                              the loop        own objects │  ReplayBuffer                 ▼
///                                                          └▶ Picker ─▶ Subchannel ─▶ ClientConnection
///                                                                       SubchannelState  KeepAliveState
///                                                                       BackOff          HealthWatch
/// ```
///
/// 1. A channel is idle until the first call. Then its names are looked up (`ResolutionState`), and
///    each address becomes a subchannel; with pick-first all addresses are one.
/// 2. A subchannel connects, waits longer after each failure, connects again when it lost its
///    connection. What to do is decided by `SubchannelState`, a value; `Subchannel` does it.
/// 3. The picker gives each call the next connection that is up and has room for a stream. While none
///    is, calls wait; when every address has failed they fail, but for those that wait for ready.
/// 4. A call keeps what it sent until its answer begins. An attempt that failed before is made again
///    when no server's code has seen it (GOAWAY, REFUSED_STREAM, never sent), or when the method's
///    ``RetryPolicy`` says so and the channel's ``RetryBudget`` allows it (gRFC A6). The deadline is
///    that of all attempts together.
/// 5. A connection pings (gRFC A8) and, if asked to, watches its server's health (gRFC A17). One whose
///    server goes away ends its calls and gets no new ones.
///
/// All of it runs on one loop; only the door is an actor, so that inside nothing hops. Values that
/// decide (`…State`, `Picker`, `BackOff`) know neither sockets nor clocks.
///
/// Every method throws ``RPCError`` when the call ends with a status other than OK, and
/// `CancellationError` when the caller's task is cancelled, which cancels the call.
public final class ClientChannel: Sendable {
    private let door: ChannelDoor
    private let interceptors: ClientInterceptors?

    /// Connects when the first call comes.
    public init(
        _ target: ClientTarget, loops: IOLoopGroup, logger: Logger = .silent,
        configuration: ClientConfiguration = ClientConfiguration()
    ) {
        door = ChannelDoor(
            target, loop: loops.next(), configuration: configuration, logger: logger)
        interceptors = ClientInterceptors(configuration.interceptors)
        door.start()
    }

    public convenience init(
        host: String, port: Int, loops: IOLoopGroup, logger: Logger = .silent,
        configuration: ClientConfiguration = ClientConfiguration()
    ) {
        self.init(
            ClientTarget(host: host, port: port), loops: loops, logger: logger,
            configuration: configuration)
    }

    /// Whoever forgets ``close()`` leaves no connections behind.
    deinit {
        door.closeSoon()
    }

    /// One message each way.
    public func unary(
        _ method: RPCMethod, _ request: [UInt8], options: CallOptions = CallOptions()
    ) async throws -> [UInt8] {
        guard let interceptors else { return try await door.unary(method, request, options) }
        return try await interceptors.around(method, options) { options in
            try await door.unary(method, request, options)
        }
    }

    /// A call of any kind, for as long as the body runs: what is left of it then is cancelled.
    public func withCall<Result: Sendable>(
        _ method: RPCMethod, options: CallOptions = CallOptions(),
        _ body: (ClientCall) async throws -> Result
    ) async throws -> Result {
        guard let interceptors else { return try await perform(method, options, body) }
        return try await interceptors.around(method, options) { options in
            try await perform(method, options, body)
        }
    }

    private func perform<Result: Sendable>(
        _ method: RPCMethod, _ options: CallOptions, _ body: (ClientCall) async throws -> Result
    ) async throws -> Result {
        let id = await door.start(method, options)
        do {
            let result = try await body(ClientCall(door, id))
            await door.leave(id)
            return result
        } catch {
            await door.leave(id)
            throw error
        }
    }

    public var state: ChannelState { get async { await door.state } }
    public var statistics: ChannelStatistics { get async { await door.statistics } }

    /// Ends every call with UNAVAILABLE and the connections. The channel is of no use after it.
    public func close() async {
        await door.close()
    }
}
