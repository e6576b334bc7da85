import Glibc
import IO
import TestCertificates
import Testing

@Suite struct TLSContextTests {
    @Test func `a reload shows the new certificate to those who come later`() async throws {
        try await TestAuthority.with { authority in
            let server = try TLSContext(
                .server, TLSConfiguration(authority.issue("server"), trusting: nil))
            let client = try TLSContext(.client, TLSConfiguration(nil, trusting: authority))
            let before = try await TLSMeeting.hold(server: server, client: client)
            _ = authority.issue("server", commonName: "renewed")
            let unchanged = try await TLSMeeting.hold(server: server, client: client)
            #expect(unchanged.client.identity == before.client.identity)
            try server.reload()
            let after = try await TLSMeeting.hold(server: server, client: client)
            #expect(after.client.identity?.commonName == "renewed")
        }
    }

    @Test func `a reload of a key that isn't the certificate's changes nothing`() async throws {
        try await TestAuthority.with { authority in
            let identity = authority.issue("server")
            let server = try TLSContext(.server, TLSConfiguration(identity, trusting: nil))
            let client = try TLSContext(.client, TLSConfiguration(nil, trusting: authority))
            rename(authority.issue("other").key, identity.key)
            let error = #expect(throws: IOError.self) { try server.reload() }
            #expect(error?.code == .badPrivateKey)
            #expect(
                error?.description == "private key \(identity.key): key values mismatch")
            let after = try await TLSMeeting.hold(server: server, client: client)
            #expect(after.client.identity?.commonName == "server")
        }
    }

    @Test func `a file that is missing is named`() async throws {
        try await TestAuthority.with { authority in
            var configuration = TLSConfiguration(authority.issue("server"), trusting: nil)
            configuration.certificateChain = "/nowhere/server.pem"
            let certificate = #expect(throws: IOError.self) {
                try TLSContext(.server, configuration)
            }
            #expect(certificate?.code == .badCertificate)
            #expect(
                certificate?.description
                    == "certificate /nowhere/server.pem: No such file or directory")
            configuration = TLSConfiguration(authority.issue("server"), trusting: authority)
            configuration.privateKey = "/nowhere/server.key"
            let key = #expect(throws: IOError.self) { try TLSContext(.server, configuration) }
            #expect(key?.code == .badPrivateKey)
            var trust = TLSConfiguration()
            trust.trustRoots = "/nowhere/roots.pem"
            let roots = #expect(throws: IOError.self) { try TLSContext(.client, trust) }
            #expect(roots?.code == .badTrustRoots)
        }
    }

    @Test func `a file that holds something else is named`() async throws {
        try await TestAuthority.with { authority in
            let identity = authority.issue("server")
            let swapped = TLSConfiguration(
                certificateChain: identity.key, privateKey: identity.certificate)
            let error = #expect(throws: IOError.self) { try TLSContext(.server, swapped) }
            #expect(error?.code == .badCertificate)
            #expect(error?.description == "certificate \(identity.key): no start line")
        }
    }

    @Test func `client certificates are never checked against the whole world`() async throws {
        try await TestAuthority.with { authority in
            let configuration = TLSConfiguration(
                authority.issue("server"), trusting: nil, clients: .optional)
            let error = #expect(throws: IOError.self) { try TLSContext(.server, configuration) }
            #expect(error?.code == .badTrustRoots)
        }
    }
}
