import Digests
import EventProtos
public import Events
import Protobuf
public import Telemetry

/// Publishes a `system.error` for each failed run of a handler, caused by the event that it was
/// given, in that event's tenant.
///
/// Its id follows from delivery id and attempt, and which try of a dead letter it is, so the same
/// failure told twice is one event. A run on a `system.error` that fails is told of nowhere. Of one
/// handler so many a minute are published, of one tenant at most half of what the others leave; what
/// is held back is counted.
public final class SystemErrors: FailureReporter {
    /// Of one handler, on one node.
    static let perMinute = 60
    private static let type = "system.error"
    private static let patience: Duration = .seconds(5)

    private struct Minute {
        let number: Int64
        private var published = 0
        private var tenants: [TenantID: Int] = [:]

        init(number: Int64) { self.number = number }

        mutating func take(_ tenant: TenantID) -> Bool {
            let own = tenants[tenant] ?? 0
            let others = published - own
            guard published < SystemErrors.perMinute,
                own < max(1, (SystemErrors.perMinute - others) / 2)
            else { return false }
            published += 1
            tenants[tenant] = own + 1
            return true
        }
    }

    private let publisher: Publisher
    private let metrics: MetricsRegistry
    private let logger: Logger
    private let minutes = Lock<[String: Minute]>([:])

    public init(publisher: Publisher, metrics: MetricsRegistry, logger: Logger) {
        self.publisher = publisher
        self.metrics = metrics
        self.logger = logger
    }

    public func report(_ failure: HandlerFailure) async {
        guard failure.event.type != Self.type else { return }
        guard isDue(failure) else {
            metrics.counter(
                "apus_system_errors_held_back_total",
                help: "Failed runs that no system.error was published for.",
                labels: [MetricLabel(.handler, failure.handler)]
            ).increment()
            return
        }
        let context = PublishContext(
            caller: Caller(tenant: failure.event.tenant), deadline: .now + Self.patience)
        do {
            _ = try await publisher.publish(
                PublishCommand(events: [Self.draft(failure)]), context: context)
        } catch {
            logger.warning(
                "A failed run could not be told of",
                [
                    .handler: .init(failure.handler), .position: .init(failure.event.position),
                    .error: .init(String(describing: error)),
                ])
        }
    }

    private func isDue(_ failure: HandlerFailure) -> Bool {
        let number = failure.at.seconds / 60
        return minutes.withLock { minutes in
            var minute = minutes[failure.handler] ?? Minute(number: number)
            if minute.number != number { minute = Minute(number: number) }
            defer { minutes[failure.handler] = minute }
            return minute.take(failure.event.tenant)
        }
    }

    static func draft(_ failure: HandlerFailure) -> EventDraft {
        let event = failure.event
        let payload = ApusEventsSystemV1.ErrorOccurred(
            errorType: failure.report.class.rawValue, errorMessage: failure.report.message,
            errorCode: failure.report.reference, component: failure.consumer,
            operation: event.type, severity: failure.isRetried ? .warning : .error,
            occurredAt: GoogleProtobuf.Timestamp(failure.at))
        var draft = EventDraft(
            id: id(failure), source: "apus", subject: event.subject,
            partitionKey: event.partitionKey,
            metadata: EventMetadata(
                correlationID: event.metadata.correlationID, causationID: event.id.description,
                extra: ["attempt": String(failure.attempt)]),
            typeURL: GoogleProtobuf.AnyMessage.urlPrefix
                + ApusEventsSystemV1.ErrorOccurred.descriptor.fullName,
            data: payload.encoded())
        draft.fingerprint = Fingerprint(of: identity(failure), hash: SHA256())
        return draft
    }

    /// What makes it the same failure, since moment and reference are others when it is told again.
    private static func identity(_ failure: HandlerFailure) -> EventDraft {
        EventDraft(id: id(failure), subject: failure.event.subject)
    }

    /// A UUID of version 8 (RFC 9562 §5.8): the digest of delivery id, attempt, and which try of a
    /// dead letter it is, if it is one.
    static func id(_ failure: HandlerFailure) -> String {
        let hash = SHA256()
        let revival = failure.revival == 0 ? "" : " \(failure.revival)"
        hash.update(Array("\(failure.deliveryID) \(failure.attempt)\(revival)".utf8))
        let (high, low) = hash.finish().first16
        return EventID(
            high: high & 0xffff_ffff_ffff_0fff | 0x8000,
            low: low & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        ).description
    }
}
