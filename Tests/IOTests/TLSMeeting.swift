import IO
import TestCertificates

/// One TLS connection over loopback, from connect to close: the client greets, the server echoes,
/// the client closes when it has its greeting back.
struct TLSMeeting {
    /// What one side saw of it.
    struct Side: Sendable {
        var isEstablished = false
        var identity: PeerIdentity?
        var error: IOError?
        var bytes: [UInt8] = []
    }

    var client = Side()
    var server = Side()

    static let greeting = Array("hello".utf8)

    static func hold(
        server: TLSContext?, client: TLSContext?, serverName: String = "localhost",
        withoutGoodbye: Bool = false,
        through relay: (@Sendable (IOLoop, SocketAddress) throws -> Listener)? = nil
    ) async throws -> TLSMeeting {
        let loop = try IOLoop(name: "meeting")
        defer { loop.stop() }
        return try await withCheckedThrowingContinuation { continuation in
            onLoop(loop, continuation) {
                let minutes = Minutes(continuation)
                let listener = try listen(on: loop, tls: server) { connection in
                    Guest(connection, greets: false) { minutes.server = $0 }
                }
                minutes.listeners.append(listener)
                var address = listener.address
                if let relay {
                    let between = try relay(loop, address)
                    minutes.listeners.append(between)
                    address = between.address
                }
                try connect(
                    to: address, on: loop, tls: client, serverName: serverName, continuation
                ) { connection in
                    try connection.start(
                        Guest(connection, greets: true, rude: withoutGoodbye) {
                            minutes.client = $0
                        })
                    connection.setNeedsWrite()
                }
            }
        }
    }

    private final class Minutes {
        private let continuation: CheckedContinuation<TLSMeeting, any Error>
        var listeners: [Listener] = []
        var client: Side? { didSet { closeIfComplete() } }
        var server: Side? { didSet { closeIfComplete() } }

        init(_ continuation: CheckedContinuation<TLSMeeting, any Error>) {
            self.continuation = continuation
        }

        private func closeIfComplete() {
            guard let client, let server else { return }
            for listener in listeners { listener.stop() }
            continuation.resume(returning: TLSMeeting(client: client, server: server))
        }
    }

    private final class Guest: ConnectionHandler {
        private let connection: Connection
        private let greets: Bool
        private let rude: Bool
        private let left: (Side) -> Void
        private var toSay: [UInt8]
        private var side = Side()

        init(
            _ connection: Connection, greets: Bool, rude: Bool = false,
            _ left: @escaping (Side) -> Void
        ) {
            self.connection = connection
            self.rude = rude
            self.greets = greets
            self.left = left
            toSay = greets ? TLSMeeting.greeting : []
        }

        func received(_ bytes: Span<UInt8>) {
            for index in bytes.indices { side.bytes.append(bytes[index]) }
            if greets {
                guard side.bytes.count >= TLSMeeting.greeting.count else { return }
                if rude {
                    // Where there is an error, TLS says no goodbye.
                    connection.close(IOError(.closed, operation: "test"))
                } else {
                    connection.closeWhenWritten()
                }
            } else {
                for index in bytes.indices { toSay.append(bytes[index]) }
                connection.setNeedsWrite()
            }
        }

        func produce(into output: inout [UInt8], limit: Int) {
            output += toSay
            toSay = []
        }

        func closed(_ error: IOError?) {
            side.isEstablished = connection.isEstablished
            side.identity = connection.peerIdentity
            side.error = error
            left(side)
        }
    }
}

extension TLSConfiguration {
    /// Shows the identity, and believes whom the authority signed, when they are asked.
    init(
        _ identity: TestAuthority.Identity?, trusting authority: TestAuthority?,
        clients: ClientCertificate = .none
    ) {
        self.init()
        certificateChain = identity?.certificate
        privateKey = identity?.key
        trustRoots = authority?.root.certificate
        clientCertificate = clients
    }
}
