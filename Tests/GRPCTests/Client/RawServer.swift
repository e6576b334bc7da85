import IO
import Synchronization
import Telemetry

/// A server made of frames (RFC 9113 §4.1), which does to each request what its script says: also what
/// no proper server does. It decodes no header fields.
actor RawServer {
    enum Act: Sendable {
        /// Sends the request's body back, with status OK.
        case echo
        /// A status and nothing else; gRPC's `Trailers-Only`.
        case status(Int, pushback: String? = nil)
        /// Headers, as if an answer were to come.
        case begin
        case reset(UInt32)
        /// GOAWAY; `last` is the highest stream that it says it will answer.
        case goAway(last: UInt32, code: UInt32 = 0, text: String = "")
        /// Closes the connection.
        case cut
    }

    /// What a script is told of a request, both counted from 0.
    struct Request: Sendable {
        let number: Int
        let connection: Int
        let stream: UInt32
    }

    struct Options: Sendable {
        var speaks = true
        var answersPings = true
        var maxStreams: UInt32 = 100
    }

    nonisolated let loop: IOLoop
    nonisolated let requests = Tally()
    nonisolated let connections = Tally()
    nonisolated let closed = Tally()
    nonisolated let pings = Tally()
    private let options: Options
    private let script: @Sendable (Request) -> [Act]
    private var listener: Listener?
    private var open: [RawConnection] = []

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private init(
        _ loop: IOLoop, _ options: Options, _ script: @escaping @Sendable (Request) -> [Act]
    ) {
        self.loop = loop
        self.options = options
        self.script = script
    }

    /// Runs the body with a server at work.
    static func with<Result: Sendable>(
        _ loops: IOLoopGroup, options: Options = Options(),
        script: @escaping @Sendable (Request) -> [Act],
        body: (RawServer, SocketAddress) async throws -> Result
    ) async throws -> Result {
        let server = RawServer(loops.next(), options, script)
        let address = try await server.start()
        do {
            let result = try await body(server, address)
            await server.stop()
            return result
        } catch {
            await server.stop()
            throw error
        }
    }

    private func start() throws -> SocketAddress {
        let listener = try Listener(.ipv4([127, 0, 0, 1], port: 0), on: loop, logger: .silent)
        self.listener = listener
        try listener.start { [self] fd, peer in
            assumeIsolated { $0.accepted(fd, peer) }
            return true
        }
        return listener.address
    }

    private func accepted(_ fd: Int32, _ peer: SocketAddress) {
        let number = connections.value
        connections.add()
        let connection = RawConnection(
            Connection(owning: fd, peer: peer, loop: loop), options, pings, closed
        ) { [requests, script] stream in
            let request = Request(number: requests.value, connection: number, stream: stream)
            requests.add()
            return script(request)
        }
        open.append(connection)
        try? connection.start()
    }

    private func stop() {
        listener?.stop()
        listener = nil
        for connection in open { connection.connection.close() }
        open = []
    }
}

/// One client of it. On the loop's thread alone.
private final class RawConnection: ConnectionHandler {
    let connection: Connection
    private let options: RawServer.Options
    private let pings: Tally
    private let ended: Tally
    private let script: (UInt32) -> [RawServer.Act]
    private var input: [UInt8] = []
    private var output: [UInt8] = []
    private var prefaceLeft = 24
    private var bodies: [UInt32: [UInt8]] = [:]
    private var cuts = false

    init(
        _ connection: Connection, _ options: RawServer.Options, _ pings: Tally, _ ended: Tally,
        _ script: @escaping (UInt32) -> [RawServer.Act]
    ) {
        self.connection = connection
        self.options = options
        self.pings = pings
        self.ended = ended
        self.script = script
    }

    func start() throws {
        try connection.start(self)
        guard options.speaks else { return }
        write(4, stream: 0, [0, 3] + Self.bytes(options.maxStreams))
    }

    func received(_ bytes: Span<UInt8>) {
        guard options.speaks else { return }
        for index in bytes.indices { input.append(bytes[index]) }
        let preface = min(prefaceLeft, input.count)
        input.removeFirst(preface)
        prefaceLeft -= preface
        while input.count >= 9 {
            let length = Int(input[0]) << 16 | Int(input[1]) << 8 | Int(input[2])
            guard input.count >= 9 + length else { return }
            let stream = input[5..<9].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7fff_ffff
            let (kind, flags) = (input[3], input[4])
            let payload = Array(input[9..<9 + length])
            input.removeFirst(9 + length)
            frame(kind, flags, stream, payload)
        }
    }

    private func frame(_ kind: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) {
        switch kind {
        case 0, 1:
            if kind == 0 { bodies[stream, default: []] += payload }
            if flags & 1 != 0 { for act in script(stream) { perform(act, stream) } }
        case 4 where flags & 1 == 0: write(4, flags: 1, stream: 0, [])
        case 6 where flags & 1 == 0:
            pings.add()
            if options.answersPings { write(6, flags: 1, stream: 0, payload) }
        default: break
        }
    }

    private func perform(_ act: RawServer.Act, _ stream: UInt32) {
        switch act {
        case .echo:
            write(1, flags: 4, stream: stream, Self.head)
            write(0, stream: stream, bodies[stream] ?? [])
            write(1, flags: 5, stream: stream, Self.field("grpc-status", "0"))
        case .status(let code, let pushback):
            var fields = Self.head + Self.field("grpc-status", "\(code)")
            if let pushback { fields += Self.field("grpc-retry-pushback-ms", pushback) }
            write(1, flags: 5, stream: stream, fields)
        case .begin: write(1, flags: 4, stream: stream, Self.head)
        case .reset(let code): write(3, stream: stream, Self.bytes(code))
        case .goAway(let last, let code, let text):
            write(7, stream: 0, Self.bytes(last) + Self.bytes(code) + Array(text.utf8))
        case .cut:
            cuts = true
            connection.setNeedsWrite()
        }
    }

    private func write(_ kind: UInt8, flags: UInt8 = 0, stream: UInt32, _ payload: [UInt8]) {
        let length = payload.count
        output += [UInt8(length >> 16), UInt8(length >> 8 & 255), UInt8(length & 255), kind, flags]
        output += Self.bytes(stream) + payload
        connection.setNeedsWrite()
    }

    func produce(into output: inout [UInt8], limit: Int) {
        output += self.output
        self.output = []
        if cuts { connection.closeWhenWritten() }
    }

    func closed(_ error: IOError?) {
        ended.add()
    }

    /// `:status 200` and the content type, without compression (RFC 7541 §6.2.2).
    private static let head: [UInt8] = [0x88] + field("content-type", "application/grpc")

    private static func field(_ name: String, _ value: String) -> [UInt8] {
        [0, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)]
            + Array(value.utf8)
    }

    private static func bytes(_ number: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> UInt32(24 - 8 * $0)) }
    }
}
