import IO
import Telemetry
import TestCertificates
import Testing

@Suite struct TLSTests {
    @Test func `both sides read what the other wrote, and end without an error`() async throws {
        try await TestAuthority.with { authority in
            let meeting = try await TLSMeeting.hold(
                server: server(authority), client: client(authority))
            #expect(meeting.server.bytes == TLSMeeting.greeting)
            #expect(meeting.client.bytes == TLSMeeting.greeting)
            #expect(meeting.client.error == nil)
            #expect(meeting.server.error == nil)
            #expect(meeting.server.identity == nil)
            #expect(meeting.client.identity?.commonName == "server")
        }
    }

    @Test func `megabytes go both ways, also more than the sockets hold`() async throws {
        try await TestAuthority.with { authority in
            let server = try server(authority)
            let client = try client(authority)
            let total = 8 * 1_024 * 1_024
            try await withLoop { loop in
                let received = try await withCheckedThrowingContinuation {
                    (continuation: CheckedContinuation<Int, any Error>) in
                    onLoop(loop, continuation) {
                        let listener = try listen(on: loop, tls: server) { Echo($0) }
                        try connect(
                            to: listener.address, on: loop, tls: client, serverName: "localhost",
                            continuation
                        ) { connection in
                            let sender = Sender(connection, total: total) { result in
                                listener.stop()
                                continuation.resume(returning: result)
                            }
                            try connection.start(sender)
                            connection.setNeedsWrite()
                        }
                    }
                }
                #expect(received == total)
            }
        }
    }

    /// Two records: more than one read takes, so that part of the second stays in OpenSSL's hands,
    /// and less than OpenSSL takes from the kernel at once.
    @Test(arguments: [[10_000, 6_884], [100, 100]])
    func `a record that one read doesn't take is read without another readiness`(
        _ chunks: [Int]
    ) async throws {
        try await TestAuthority.with { authority in
            let server = try server(authority)
            let client = try client(authority)
            try await withLoop { loop in
                let received = try await withCheckedThrowingContinuation {
                    (continuation: CheckedContinuation<Int, any Error>) in
                    onLoop(loop, continuation) {
                        var reader: Connection?
                        let listener = try listen(on: loop, tls: server) { connection in
                            reader = connection
                            return Counter(connection, upTo: 1 + chunks.reduce(0, +)) {
                                continuation.resume(returning: $0)
                            }
                        }
                        try connect(
                            to: listener.address, on: loop, tls: client, serverName: "localhost",
                            continuation
                        ) { connection in
                            listener.stop()
                            let writer = Chunks(connection, chunks) {
                                reader?.setReadingPaused(false)
                            }
                            try connection.start(writer)
                            connection.setNeedsWrite()
                        }
                    }
                }
                #expect(received == 1 + chunks.reduce(0, +))
            }
        }
    }

    @Test func `bytes that trickle in one by one make a handshake and its records`() async throws {
        try await TestAuthority.with { authority in
            let meeting = try await TLSMeeting.hold(
                server: server(authority, clients: .required),
                client: TLSContext(
                    .client, TLSConfiguration(authority.issue("client"), trusting: authority)),
                through: Trickle.listen)
            #expect(meeting.client.bytes == TLSMeeting.greeting)
            #expect(meeting.client.error == nil)
            #expect(meeting.server.identity?.commonName == "client")
        }
    }

    @Test func `a server sees who its client is`() async throws {
        try await TestAuthority.with { authority in
            let identity = authority.issue(
                "client", commonName: "Zoë",
                alternativeNames: [
                    "DNS:a.example", "URI:spiffe://apus/ingest", "email:ops@a.example",
                    "DNS:b.example", "IP:10.0.0.1",
                ])
            let meeting = try await TLSMeeting.hold(
                server: server(authority, clients: .required),
                client: TLSContext(.client, TLSConfiguration(identity, trusting: authority)))
            let seen = try #require(meeting.server.identity)
            #expect(seen.commonName == "Zoë")
            #expect(seen.dnsNames == ["a.example", "b.example"])
            #expect(seen.uris == ["spiffe://apus/ingest"])
            #expect(seen.emailAddresses == ["ops@a.example"])
            #expect(seen.fingerprint.count == 64)
            #expect(seen.fingerprint.allSatisfy { $0.isHexDigit && !$0.isUppercase })
            let again = try await TLSMeeting.hold(
                server: server(authority, clients: .optional),
                client: TLSContext(.client, TLSConfiguration(identity, trusting: authority)))
            #expect(again.server.identity == seen)
            #expect(again.client.identity != seen)
        }
    }

    @Test func `a client without a certificate passes where one is optional`() async throws {
        try await TestAuthority.with { authority in
            let meeting = try await TLSMeeting.hold(
                server: server(authority, clients: .optional), client: client(authority))
            #expect(meeting.client.bytes == TLSMeeting.greeting)
            #expect(meeting.server.identity == nil)
        }
    }

    @Test func `an address is checked against the certificate's addresses`() async throws {
        try await TestAuthority.with { authority in
            let right = try await TLSMeeting.hold(
                server: server(authority), client: client(authority), serverName: "127.0.0.1")
            #expect(right.client.error == nil)
            let wrong = try await TLSMeeting.hold(
                server: server(authority), client: client(authority), serverName: "127.0.0.2")
            #expect(wrong.client.error?.reason == "IP address mismatch")
        }
    }

    @Test func `an end without a goodbye is an end all the same`() async throws {
        try await TestAuthority.with { authority in
            let meeting = try await TLSMeeting.hold(
                server: server(authority), client: client(authority), withoutGoodbye: true)
            #expect(meeting.client.bytes == TLSMeeting.greeting)
            #expect(meeting.server.isEstablished)
            #expect(meeting.server.error == nil)
        }
    }

    private func server(
        _ authority: TestAuthority, clients: TLSConfiguration.ClientCertificate = .none
    ) throws -> TLSContext {
        try TLSContext(
            .server,
            TLSConfiguration(authority.issue("server"), trusting: authority, clients: clients))
    }

    private func client(_ authority: TestAuthority) throws -> TLSContext {
        try TLSContext(.client, TLSConfiguration(nil, trusting: authority))
    }
}

/// Between two sides: hands on one byte a turn.
private final class Trickle: ConnectionHandler {
    private let connection: Connection
    private var waiting: [UInt8] = []
    private var handedOn = 0
    weak var other: Trickle?

    init(_ connection: Connection) { self.connection = connection }

    static func listen(on loop: IOLoop, before address: SocketAddress) throws -> Listener {
        let listener = try Listener(.ipv4([127, 0, 0, 1], port: 0), on: loop, logger: .silent)
        try listener.start { fd, peer in
            let near = Connection(owning: fd, peer: peer, loop: loop)
            _ = try? Connector(to: address, on: loop, timeout: .seconds(60)) { result in
                guard let fd = try? result.get() else { return }
                let far = Connection(owning: fd, peer: address, loop: loop)
                let (one, two) = (Trickle(near), Trickle(far))
                (one.other, two.other) = (two, one)
                try? near.start(one)
                try? far.start(two)
            }
            return true
        }
        return listener
    }

    func received(_ bytes: Span<UInt8>) {
        guard let other else { return }
        for index in bytes.indices { other.waiting.append(bytes[index]) }
        other.connection.setNeedsWrite()
    }

    func produce(into output: inout [UInt8], limit: Int) {
        guard handedOn < waiting.count else { return }
        output.append(waiting[handedOn])
        handedOn += 1
        connection.setNeedsWrite()
    }

    func closed(_ error: IOError?) { other?.connection.closeWhenWritten() }
}

/// Writes one byte and, when it is answered, so many bytes at a time; tells when the kernel has them.
private final class Chunks: ConnectionHandler {
    private let connection: Connection
    private var left: [Int]
    private var isAnswered = false
    private var hasBegun = false
    private let written: () -> Void

    init(_ connection: Connection, _ chunks: [Int], _ written: @escaping () -> Void) {
        self.connection = connection
        left = chunks
        self.written = written
    }

    func received(_ bytes: Span<UInt8>) {
        isAnswered = true
        connection.setNeedsWrite()
    }

    func produce(into output: inout [UInt8], limit: Int) {
        if !hasBegun {
            hasBegun = true
            output.append(1)
        } else if isAnswered {
            guard !left.isEmpty else { return written() }
            output.append(contentsOf: repeatElement(7, count: left.removeFirst()))
            connection.setNeedsWrite()
        }
    }

    func closed(_ error: IOError?) {}
}

/// Answers the first byte and reads no more until it is told; closes when so many have come, and
/// tells how many came.
private final class Counter: ConnectionHandler {
    private let connection: Connection
    private let total: Int
    private let done: (Int) -> Void
    private var count = 0
    private var answer: [UInt8] = []

    init(_ connection: Connection, upTo total: Int, _ done: @escaping (Int) -> Void) {
        self.connection = connection
        self.total = total
        self.done = done
    }

    func received(_ bytes: Span<UInt8>) {
        if count == 0 {
            connection.setReadingPaused(true)
            answer = [1]
            connection.setNeedsWrite()
        }
        count += bytes.count
        if count >= total { connection.close() }
    }

    func produce(into output: inout [UInt8], limit: Int) {
        output += answer
        answer = []
    }

    func closed(_ error: IOError?) { done(count) }
}
