import EventProtos
import GRPC
import IO
import Protobuf
import Telemetry

/// The kinds of load. Everything runs on one loop, so that the client takes one core at most.
struct Load: Sendable {
    let options: Options
    let channels: [ClientChannel]
    let loop: IOLoop

    private static let payloadBytes = 300

    /// Unary publishes of one event, so many in flight at any moment.
    func publish() async throws -> LoadResult {
        try await timed { deadline in
            try await withThrowingTaskGroup(of: [Double].self) { group in
                for worker in 0..<options.inFlight {
                    group.addTask(executorPreference: loop) {
                        let channel = channels[worker % channels.count]
                        let request = Self.request(events: 1).encoded()
                        var tenant = worker
                        var latencies: [Double] = []
                        while ContinuousClock.now < deadline {
                            let start = ContinuousClock.now
                            _ = try await channel.unary(
                                ApusV1.EventServiceMethods.publish, request, options: call(tenant))
                            tenant += options.inFlight
                            latencies.append(Self.seconds(since: start))
                        }
                        return latencies
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
        }
    }

    /// One stream of requests of `batch` events, `inFlight` requests unanswered at any moment.
    ///
    /// Sending and reading are two tasks: a server that waits for its answers to be read takes
    /// nothing in meanwhile.
    func publishStream() async throws -> LoadResult {
        var result = try await timed { deadline in
            try await channels[0].withCall(
                ApusV1.EventServiceMethods.publishStream, options: call(0)
            ) { call in
                let request = Self.request(events: options.batch).encoded()
                let sent = Lock([ContinuousClock.Instant]())
                let (turns, turn) = AsyncStream.makeStream(of: Void.self)
                for _ in 0..<options.inFlight { turn.yield() }
                return try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask(executorPreference: loop) {
                        for await _ in turns {
                            sent.withLock { $0.append(.now) }
                            try await call.send(request)
                        }
                        try await call.finishSending()
                    }
                    var latencies: [Double] = []
                    for try await _ in call.responses {
                        let start = sent.withLock { $0[latencies.count] }
                        latencies.append(Self.seconds(since: start))
                        if ContinuousClock.now < deadline { turn.yield() } else { turn.finish() }
                    }
                    try await group.waitForAll()
                    return latencies
                }
            }
        }
        result.events *= options.batch
        return result
    }

    /// Publishes leads without an id, which no handler does anything with, at a steady rate. They
    /// occur when they are sent.
    func steady() async throws -> LoadResult {
        let data = GoogleProtobuf.AnyMessage(
            packing: ApusEventsLeadV1.LeadCreated(
                source: String(repeating: "x", count: Self.payloadBytes)))
        let total = options.rate * options.seconds
        let latencies = Lock([Double]())
        let start = ContinuousClock.now
        try await steadily(total) { index, publish in
            let sent = ContinuousClock.now
            try await publish(
                ApusV1.Event(
                    source: "load", subject: "lead/\(index)", occurredAt: Self.now(), data: data))
            latencies.withLock { $0.append(Self.seconds(since: sent)) }
        }
        return LoadResult(
            events: total, seconds: Self.seconds(since: start),
            latencies: latencies.withLock { $0 })
    }

    /// Publishes at a steady rate, and measures until a live subscriber has each event.
    func delivery() async throws -> LoadResult {
        let total = options.rate * options.seconds
        let published = Lock([Int: ContinuousClock.Instant]())
        let subscribe = ApusV1.SubscribeRequest(
            filter: ApusV1.Filter(sources: ["delivery-load"]), start: .end(GoogleProtobuf.Empty()))
        let start = ContinuousClock.now
        let latencies = try await channels[0].withCall(
            ApusV1.EventServiceMethods.subscribe, options: call(0)
        ) { call in
            try await call.send(subscribe.encoded())
            try await call.finishSending()
            _ = try await call.initialMetadata
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask(executorPreference: loop) {
                    try await steadily(total) { index, publish in
                        var event = Self.request(events: 1).events[0]
                        event.subject = "\(index)"
                        event.source = "delivery-load"
                        published.withLock { $0[index] = .now }
                        try await publish(event)
                    }
                }
                var latencies: [Double] = []
                for try await message in call.responses {
                    let response = try ApusV1.SubscribeResponse(decoding: message)
                    for delivery in response.deliveries {
                        guard let index = Int(delivery.event?.subject ?? ""),
                            let start = published.withLock({ $0[index] })
                        else { continue }
                        latencies.append(Self.seconds(since: start))
                    }
                    if latencies.count == total { break }
                }
                try await group.waitForAll()
                return latencies
            }
        }
        return LoadResult(
            events: total, seconds: Self.seconds(since: start), latencies: latencies)
    }

    /// One event at a time: the next is published when a live subscriber has the last.
    func deliveryAlone() async throws -> LoadResult {
        let subscribe = ApusV1.SubscribeRequest(start: .end(GoogleProtobuf.Empty()))
        return try await timed { deadline in
            try await channels[0].withCall(
                ApusV1.EventServiceMethods.subscribe, options: call(0)
            ) { subscription in
                try await subscription.send(subscribe.encoded())
                try await subscription.finishSending()
                var responses = subscription.responses.makeAsyncIterator()
                // Caught up: from here on deliveries are live.
                _ = try await responses.next()
                let request = Self.request(events: 1).encoded()
                var latencies: [Double] = []
                while ContinuousClock.now < deadline {
                    let start = ContinuousClock.now
                    async let answer = channels[0].unary(
                        ApusV1.EventServiceMethods.publish, request, options: call(0))
                    while let message = try await responses.next() {
                        let response = try ApusV1.SubscribeResponse(decoding: message)
                        if !response.deliveries.isEmpty { break }
                    }
                    latencies.append(Self.seconds(since: start))
                    _ = try await answer
                }
                return latencies
            }
        }
    }

    /// Runs work for each of so many events at the asked rate, whether the ones before are done or
    /// not.
    private func steadily(
        _ total: Int,
        _ work:
            @escaping @Sendable (
                Int, @Sendable (ApusV1.Event) async throws -> Void
            ) async throws -> Void
    ) async throws {
        let clock = LoopClock(loop)
        let start = clock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<total {
                let due = start + .seconds(1) * index / options.rate
                if clock.now < due { try await clock.sleep(until: due, tolerance: .zero) }
                group.addTask(executorPreference: loop) {
                    try await work(index) { event in
                        _ = try await channels[0].unary(
                            ApusV1.EventServiceMethods.publish,
                            ApusV1.PublishRequest(events: [event]).encoded(), options: call(0))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Reads so many events of history, having stored them first.
    func catchUp() async throws -> LoadResult {
        let subscribe = ApusV1.SubscribeRequest(
            start: .beginning(GoogleProtobuf.Empty()), untilCaughtUp: true)
        try await store(options.events)
        let start = ContinuousClock.now
        let count = try await channels[0].withCall(
            ApusV1.EventServiceMethods.subscribe, options: call(0)
        ) { call in
            try await call.send(subscribe.encoded())
            try await call.finishSending()
            var count = 0
            for try await message in call.responses {
                count += try ApusV1.SubscribeResponse(decoding: message).deliveries.count
            }
            return count
        }
        return LoadResult(
            events: count, seconds: Self.seconds(since: start), latencies: [])
    }

    private func store(_ count: Int) async throws {
        try await channels[0].withCall(
            ApusV1.EventServiceMethods.publishStream, options: call(0)
        ) { call in
            let request = Self.request(events: 500).encoded()
            let requests = count / 500
            var sent = min(16, requests)
            for _ in 0..<sent { try await call.send(request) }
            for try await _ in call.responses {
                if sent == requests {
                    try await call.finishSending()
                } else {
                    sent += 1
                    try await call.send(request)
                }
            }
        }
    }

    private func timed(
        _ body: (ContinuousClock.Instant) async throws -> [Double]
    ) async throws -> LoadResult {
        let start = ContinuousClock.now
        let latencies = try await body(start + .seconds(options.seconds))
        return LoadResult(
            events: latencies.count, seconds: Self.seconds(since: start), latencies: latencies)
    }

    private static func seconds(since start: ContinuousClock.Instant) -> Double {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    private static func now() -> GoogleProtobuf.Timestamp {
        let time = SystemWallClock().now()
        return GoogleProtobuf.Timestamp(seconds: time.seconds, nanos: time.nanoseconds)
    }

    private func call(_ number: Int) -> CallOptions {
        var metadata = Metadata()
        metadata.append("x-tenant-id", "tenant-\(number % options.tenants)")
        return CallOptions(metadata: metadata)
    }

    /// Of a type that no projection counts: of the yardsticks' rows, too, nothing is computed.
    private static func request(events count: Int) -> ApusV1.PublishRequest {
        let payload = ApusEventsIntegrationV1.WebhookReceived(
            webhookSource: "load",
            webhookId: String(repeating: "x", count: payloadBytes - 10))
        let event = ApusV1.Event(
            source: "load", subject: "lead/42", metadata: ApusV1.EventMetadata(requestId: "r-1"),
            data: GoogleProtobuf.AnyMessage(packing: payload))
        return ApusV1.PublishRequest(events: Array(repeating: event, count: count))
    }
}
