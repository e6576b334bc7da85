import EventProtos
import GRPC
import IO
import Protobuf
import Telemetry

/// The way to one neighbour: every call with a deadline and without a second attempt. Connects with
/// the first call, so that nobody waits for a neighbour that is away.
struct NeighbourChannel: Sendable {
    let channel: ClientChannel
    private let deadline: Duration

    init(
        _ configuration: NeighbourConfiguration, loops: IOLoopGroup, metrics: MetricsRegistry,
        logger: Logger
    ) {
        channel = ClientChannel(
            configuration.target, loops: loops, logger: logger,
            configuration: configuration.channel([CallMetrics(metrics)]))
        deadline = configuration.deadline
    }

    /// - Parameters:
    ///   - traceparent: Of the event that led to the call (W3C Trace Context); empty: none.
    ///   - atMost: Where less patience than usual is called for.
    func options(traceparent: String = "", atMost: Duration? = nil) -> CallOptions {
        var metadata = Metadata()
        if !traceparent.isEmpty { metadata.append("traceparent", traceparent) }
        return CallOptions(
            metadata: metadata, timeout: min(deadline, atMost ?? deadline),
            retry: GRPC.RetryPolicy.none)
    }
}
