import HTTP2

/// A client's and a server's session that talk through memory.
final class Pair {
    let clientSide: Side
    let serverSide: Side
    let client: HTTP2Session
    let server: HTTP2Session

    init(
        client clientConfiguration: HTTP2Configuration = HTTP2Configuration(),
        server serverConfiguration: HTTP2Configuration = HTTP2Configuration(),
        serverBooks: ConnectionBooks = ConnectionBooks()
    ) throws {
        clientSide = Side()
        serverSide = Side()
        client = try HTTP2Session(
            .client, configuration: clientConfiguration, handler: clientSide)
        server = try HTTP2Session(
            .server, configuration: serverConfiguration, handler: serverSide, books: serverBooks)
    }

    /// The sessions and their handlers hold each other.
    func close() {
        client.closeAllStreams(.connectionLost)
        server.closeAllStreams(.connectionLost)
    }

    /// Moves bytes until neither side has any.
    ///
    /// - Returns: How many bytes went to the client.
    @discardableResult
    func run() throws -> Int {
        var total = 0
        while true {
            let toServer = try Self.output(of: client)
            let toClient = try Self.output(of: server)
            if toServer.isEmpty && toClient.isEmpty { return total }
            if !toServer.isEmpty { try server.receive(toServer.span) }
            if !toClient.isEmpty { try client.receive(toClient.span) }
            total += toClient.count
        }
    }

    static func output(of session: HTTP2Session) throws -> [UInt8] {
        var output: [UInt8] = []
        try session.produce(into: &output, limit: 1 << 20)
        return output
    }

    func request(_ stream: HTTP2Stream, _ extra: [(String, String)] = [], end: Bool) throws {
        var fields = HeaderFields()
        fields.append(":path", "/")
        fields.append(":authority", "test")
        for (name, value) in extra { fields.append(name, value) }
        try client.request(
            stream, FixedHeaders([":method": "POST", ":scheme": "http"]), fields, end: end)
    }
}

/// One side's session handler; keeps what it hears.
final class Side: HTTP2SessionHandler {
    var streams: [RecordedStream] = []
    var settings = 0
    var goAway: HTTP2ErrorCode?
    var goAwayReason = ""
    var pongs: [UInt64] = []
    var outputAsked = 0
    var hits: [RuntimeLimit] = []

    func makeStream() -> HTTP2Stream {
        let stream = RecordedStream()
        streams.append(stream)
        return stream
    }
    func needsOutput() { outputAsked += 1 }
    func receivedSettings() { settings += 1 }
    func receivedGoAway(_ code: HTTP2ErrorCode, reason: String) {
        goAway = code
        goAwayReason = reason
    }
    func hit(_ limit: RuntimeLimit) { hits.append(limit) }
    func receivedPong(_ payload: UInt64) { pongs.append(payload) }
}

/// Keeps what it hears.
final class RecordedStream: HTTP2Stream {
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    var ended = false
    var closedWith: HTTP2ErrorCode?
    var consumes = true

    override func received(header name: Span<UInt8>, _ value: Span<UInt8>) {
        headers.append((String(name), String(value)))
    }
    override func received(data: Span<UInt8>) {
        for index in data.indices { body.append(data[index]) }
        if consumes { consume(unconsumed) }
    }
    override func receivedEnd() { ended = true }
    override func closed(_ code: HTTP2ErrorCode) { closedWith = code }

    func value(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}
