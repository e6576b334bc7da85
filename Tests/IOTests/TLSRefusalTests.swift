import IO
import Telemetry
import TestCertificates
import Testing

/// What ends a handshake, and the reason that each side hears.
@Suite struct TLSRefusalTests {
    @Test func `a certificate of an unknown issuer is refused`() async throws {
        try await TestAuthority.with { authority in
            try await TestAuthority.with { stranger in
                let meeting = try await TLSMeeting.hold(
                    server: server(authority.issue("server")), client: client(stranger))
                #expect(meeting.client.error?.code == .tlsRefused)
                #expect(
                    meeting.client.error?.reason == "unable to get local issuer certificate")
                #expect(meeting.server.error?.reason == "tlsv1 alert unknown ca")
                #expect(!meeting.client.isEstablished)
            }
        }
    }

    @Test func `a certificate that has expired is refused`() async throws {
        try await TestAuthority.with { authority in
            let meeting = try await TLSMeeting.hold(
                server: server(authority.issue("server", expired: true)),
                client: client(authority))
            #expect(meeting.client.error?.reason == "certificate has expired")
            #expect(meeting.server.error?.reason == "sslv3 alert certificate expired")
        }
    }

    @Test func `a certificate of another name is refused`() async throws {
        try await TestAuthority.with { authority in
            let meeting = try await TLSMeeting.hold(
                server: server(authority.issue("server")), client: client(authority),
                serverName: "elsewhere.example")
            #expect(meeting.client.error?.reason == "hostname mismatch")
        }
    }

    @Test func `no protocol in common is refused`() async throws {
        try await TestAuthority.with { authority in
            var other = TLSConfiguration(nil, trusting: authority)
            other.applicationProtocols = ["http/1.1"]
            let meeting = try await TLSMeeting.hold(
                server: server(authority.issue("server")), client: TLSContext(.client, other))
            #expect(meeting.client.error?.reason == "tlsv1 alert no application protocol")
            #expect(meeting.server.error?.reason == "no application protocol")
        }
    }

    @Test func `a client that names no protocol is refused`() async throws {
        try await TestAuthority.with { authority in
            var silent = TLSConfiguration(nil, trusting: authority)
            silent.applicationProtocols = []
            let meeting = try await TLSMeeting.hold(
                server: server(authority.issue("server")), client: TLSContext(.client, silent))
            #expect(meeting.client.error?.reason == "tlsv1 alert no application protocol")
            #expect(meeting.server.error?.reason == "no application protocol")
        }
    }

    @Test func `a client without the certificate that is required is refused`() async throws {
        try await TestAuthority.with { authority in
            let meeting = try await TLSMeeting.hold(
                server: server(authority.issue("server"), trusting: authority, .required),
                client: client(authority))
            #expect(meeting.server.error?.reason == "peer did not return a certificate")
            #expect(meeting.client.error?.code == .tlsRefused)
            #expect(meeting.client.error?.reason == "tlsv13 alert certificate required")
        }
    }

    @Test(arguments: [TLSConfiguration.ClientCertificate.optional, .required])
    func `a client's certificate of an unknown issuer is refused`(
        _ demand: TLSConfiguration.ClientCertificate
    ) async throws {
        try await TestAuthority.with { authority in
            try await TestAuthority.with { stranger in
                let meeting = try await TLSMeeting.hold(
                    server: server(authority.issue("server"), trusting: authority, demand),
                    client: TLSContext(
                        .client, TLSConfiguration(stranger.issue("client"), trusting: authority)))
                #expect(
                    meeting.server.error?.reason == "unable to get local issuer certificate")
                #expect(meeting.client.error?.reason == "tlsv1 alert unknown ca")
            }
        }
    }

    @Test func `a plaintext client on a TLS server is refused`() async throws {
        try await TestAuthority.with { authority in
            let meeting = try await TLSMeeting.hold(
                server: server(authority.issue("server")), client: nil)
            #expect(meeting.server.error?.code == .tlsRefused)
            #expect(!meeting.server.isEstablished)
            #expect(meeting.server.bytes.isEmpty)
        }
    }

    @Test func `a TLS client on a plaintext server is refused`() async throws {
        try await TestAuthority.with { authority in
            // Its echo of the client's own greeting is no server's.
            let meeting = try await TLSMeeting.hold(server: nil, client: client(authority))
            #expect(meeting.client.error?.code == .tlsRefused)
            #expect(meeting.client.bytes.isEmpty)
        }
    }

    @Test func `a peer that never shakes hands is cut off`() async throws {
        try await TestAuthority.with { authority in
            let context = try server(authority.issue("server"))
            try await withLoop { loop in
                let error = try await withCheckedThrowingContinuation {
                    (continuation: CheckedContinuation<IOError?, any Error>) in
                    onLoop(loop, continuation) {
                        var silent: Connection?
                        let listener = try listen(
                            on: loop, tls: context, handshakeTimeout: .milliseconds(20)
                        ) { _ in
                            Listening { error in
                                silent?.close()
                                continuation.resume(returning: error)
                            }
                        }
                        try connect(to: listener.address, on: loop, continuation) { connection in
                            listener.stop()
                            silent = connection
                        }
                    }
                }
                #expect(error?.code == .timedOut)
            }
        }
    }

    private func server(
        _ identity: TestAuthority.Identity, trusting authority: TestAuthority? = nil,
        _ clients: TLSConfiguration.ClientCertificate = .none
    ) throws -> TLSContext {
        try TLSContext(
            .server, TLSConfiguration(identity, trusting: authority, clients: clients))
    }

    private func client(_ authority: TestAuthority) throws -> TLSContext {
        try TLSContext(.client, TLSConfiguration(nil, trusting: authority))
    }
}
