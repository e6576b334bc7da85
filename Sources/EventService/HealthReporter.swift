public import Events

/// How the service is: the store asked anew, and whether the node is stopping.
public struct HealthReporter: Sendable {
    public enum Status: Int, Sendable, Hashable, Comparable {
        case healthy, degraded, unhealthy

        public static func < (left: Status, right: Status) -> Bool {
            left.rawValue < right.rawValue
        }
    }

    public struct Component: Sendable, Hashable {
        public let name: String
        public let status: Status
        /// Empty when all is well; never holds what clients must not see.
        public let message: String
        public let latency: Duration?

        public init(name: String, status: Status, message: String, latency: Duration?) {
            self.name = name
            self.status = status
            self.message = message
            self.latency = latency
        }
    }

    public struct Report: Sendable {
        public let components: [Component]
        /// As far as the log could be asked; otherwise what this node last knew.
        public let head: Position

        /// That of the worst component.
        public var status: Status { components.map(\.status).max() ?? .healthy }
    }

    public let version: String
    public let startedAt: Timestamp
    private let log: any EventLog
    private let tail: EventTail
    private let serving: Serving
    private let others: @Sendable () -> [Component]

    /// - Parameter others: What the node works with besides the log, as it was when last looked at.
    public init(
        version: String, startedAt: Timestamp, log: any EventLog, tail: EventTail,
        serving: Serving, others: @escaping @Sendable () -> [Component] = { [] }
    ) {
        self.version = version
        self.startedAt = startedAt
        self.log = log
        self.tail = tail
        self.serving = serving
        self.others = others
    }

    public func report() async -> Report {
        let clock = ContinuousClock()
        let start = clock.now
        var head = tail.known
        var fault = ""
        do {
            head = try await log.bounds().head
            fault = log.trouble?.message ?? ""
        } catch {
            fault = (error as? EventsError)?.message ?? "The store did not answer."
        }
        var components = [
            Component(
                name: "log", status: fault.isEmpty ? .healthy : .unhealthy, message: fault,
                latency: clock.now - start)
        ]
        if !serving.isServing {
            components.append(
                Component(
                    name: "node", status: .degraded, message: "This node is stopping.",
                    latency: nil))
        }
        return Report(components: components + others(), head: head)
    }
}
