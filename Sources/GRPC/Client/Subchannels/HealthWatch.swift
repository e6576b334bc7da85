import HTTP2
import IO
import Telemetry

/// Keeps asking one server for the health of a service, and tells its connection (gRFC A17). On the
/// loop's thread alone.
///
/// A server without the health service counts as healthy. A watch that ends otherwise is begun anew,
/// at once when it had lasted, else after a growing wait; until then the server counts as not
/// serving.
final class HealthWatch {
    private let service: String
    private let connection: ClientConnection
    private let core: ChannelCore
    private var stream: HealthStream?
    private var backOff: BackOff
    private var timer: IOTimer?
    private var begun = ContinuousClock.now

    init(of service: String, on connection: ClientConnection, _ core: ChannelCore) {
        self.service = service
        self.connection = connection
        self.core = core
        let configuration = core.configuration
        backOff = BackOff(first: configuration.firstBackOff, most: configuration.maxBackOff)
    }

    func begin() {
        // Calls may have all the streams that the server allows.
        guard let session = connection.session else { return beginLater(backOff.next()) }
        begun = .now
        let stream = HealthStream(self, on: connection)
        var fields = HeaderFields()
        fields.append(":path", HealthMessages.path)
        fields.append(contentsOf: core.common)
        do {
            try session.request(stream, core.fixed, fields, end: false)
        } catch {
            return ended(nil)
        }
        let request = HealthMessages.request(service)
        stream.send(request, head: ChunkHead(flag: 0, length: UInt32(request.count)))
        stream.end()
        self.stream = stream
    }

    /// The watch and whoever it tells let go of each other.
    func stop() {
        timer?.cancel()
        timer = nil
        stream?.watch = nil
        stream?.reset(.cancel)
        stream = nil
    }

    fileprivate func told(_ message: [UInt8]) {
        switch HealthMessages.status(message) {
        case .serving: connection.healthChanged(.serving)
        case .notServing: connection.healthChanged(.notServing(reason("isn't serving")))
        case .serviceUnknown: connection.healthChanged(.notServing(reason("is unknown")))
        case .unknown, nil: connection.healthChanged(.notServing(reason("is in an unknown state")))
        }
    }

    private func reason(_ words: String) -> String {
        "\(connection.address): \(service.isEmpty ? "the server" : service) \(words)"
    }

    /// - Parameter status: Nil when there was none.
    fileprivate func ended(_ status: RPCStatusCode?) {
        stream = nil
        guard status != .unimplemented else {
            core.logger.debug(
                "Server has no health service", [.peer: .init("\(connection.address)")])
            return connection.healthChanged(.serving)
        }
        connection.healthChanged(.notServing(reason("does not tell its health")))
        var wait = Duration.zero
        if .now - begun < SubchannelState.stableAfter {
            wait = backOff.next()
        } else {
            backOff.reset()
        }
        beginLater(wait)
    }

    private func beginLater(_ wait: Duration) {
        timer = core.loop.schedule(after: wait) { [self] in begin() }
    }
}

/// The stream of one watch.
private final class HealthStream: HTTP2Stream {
    var watch: HealthWatch?
    private let connection: ClientConnection
    private var head = ResponseHead()
    private var state = ClientCallState()
    private var deframer = MessageDeframer(maxMessageBytes: 64 * 1_024)

    init(_ watch: HealthWatch, on connection: ClientConnection) {
        self.watch = watch
        self.connection = connection
    }

    override func received(header name: Span<UInt8>, _ value: Span<UInt8>) {
        head.receive(name, value)
    }

    override func receivedHeaders(trailers: Bool) {
        if case .cancelStream = state.received(head) { reset(.cancel) }
        head = ResponseHead()
    }

    override func received(data: Span<UInt8>) {
        consume(unconsumed)
        do throws(MessageDeframer.Failure) {
            try deframer.read(data) { watch?.told($0.bytes) }
        } catch {
            reset(.cancel)
        }
    }

    override func receivedEnd() {
        state.receivedEnd(midMessage: deframer.isMidMessage)
    }

    override func closed(_ code: HTTP2ErrorCode) {
        state.closed(code)
        let watch = watch
        self.watch = nil
        if case .failed(let error) = state.end {
            watch?.ended(error.code)
        } else {
            watch?.ended(nil)
        }
        connection.streamEnded()
    }
}
