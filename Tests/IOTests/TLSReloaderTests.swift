import Glibc
import IO
import Telemetry
import TestCertificates
import Testing

@Suite struct TLSReloaderTests {
    private static let unchanged = "TLS files have not changed"
    private static let reloaded = "TLS files reloaded"
    private static let refused = "TLS files can't be used, the old ones stay in use"

    @Test func `files that are written anew are read again`() async throws {
        try await watching { authority, context, messages in
            _ = authority.issue("server", commonName: "renewed")
            #expect(await messages.next { $0 == Self.reloaded })
            let name = try await shown(by: context, authority)
            #expect(name == "renewed")
        }
    }

    @Test func `files that are renamed into place are read again`() async throws {
        try await watching { authority, context, messages in
            let fresh = authority.issue("fresh")
            rename(fresh.key, authority.folder + "/server.key")
            rename(fresh.certificate, authority.folder + "/server.pem")
            #expect(await messages.next { $0 == Self.reloaded })
            let name = try await shown(by: context, authority)
            #expect(name == "fresh")
        }
    }

    @Test func `files behind a link that is switched are read again`() async throws {
        try await TestAuthority.with { authority in
            let folder = authority.folder
            for (version, name) in [("v1", "old"), ("v2", "new")] {
                mkdir("\(folder)/\(version)", 0o755)
                let made = authority.issue(name)
                rename(made.certificate, "\(folder)/\(version)/tls.crt")
                rename(made.key, "\(folder)/\(version)/tls.key")
            }
            // As a mounted secret looks: the files lead through ..data to one version of all.
            symlink("v1", folder + "/..data")
            symlink("..data/tls.crt", folder + "/tls.crt")
            symlink("..data/tls.key", folder + "/tls.key")
            let context = try TLSContext(
                .server,
                TLSConfiguration(
                    certificateChain: folder + "/tls.crt", privateKey: folder + "/tls.key"))
            try await watching(context) { messages in
                #expect(await messages.next { $0 == Self.unchanged })
                symlink("v2", folder + "/..data_tmp")
                rename(folder + "/..data_tmp", folder + "/..data")
                #expect(await messages.next { $0 == Self.reloaded })
                let name = try await shown(by: context, authority)
                #expect(name == "new")
            }
        }
    }

    @Test func `files that can't be used change nothing, until they can`() async throws {
        try await watching { authority, context, messages in
            let fresh = authority.issue("fresh")
            rename(fresh.certificate, authority.folder + "/server.pem")
            #expect(await messages.next { $0 == Self.refused })
            let before = try await shown(by: context, authority)
            #expect(before == "server")
            rename(fresh.key, authority.folder + "/server.key")
            #expect(await messages.next { $0 == Self.reloaded })
            let name = try await shown(by: context, authority)
            #expect(name == "fresh")
        }
    }

    @Test func `what changed before the watch began is read again`() async throws {
        try await TestAuthority.with { authority in
            let context = try TLSContext(
                .server, TLSConfiguration(authority.issue("server"), trusting: nil))
            _ = authority.issue("server", commonName: "renewed")
            try await watching(context) { messages in
                #expect(await messages.next { $0 == Self.reloaded })
            }
        }
    }

    @Test func `who asks is heard, though a change is hinted at as well`() async throws {
        try await TestAuthority.with { authority in
            let context = try TLSContext(
                .server, TLSConfiguration(authority.issue("server"), trusting: nil))
            // Beginning hints that anything may have changed.
            try await watching(context, asking: true) { messages in
                #expect(await messages.next() == Self.reloaded)
            }
        }
    }

    private func shown(by context: TLSContext, _ authority: TestAuthority) async throws -> String? {
        let client = try TLSContext(.client, TLSConfiguration(nil, trusting: authority))
        return try await TLSMeeting.hold(server: context, client: client)
            .client.identity?.commonName
    }

    private func watching(
        _ body: (TestAuthority, TLSContext, MessageSink) async throws -> Void
    ) async throws {
        try await TestAuthority.with { authority in
            let context = try TLSContext(
                .server, TLSConfiguration(authority.issue("server"), trusting: nil))
            try await watching(context) { messages in
                #expect(await messages.next { $0 == Self.unchanged })
                try await body(authority, context, messages)
            }
        }
    }

    private func watching(
        _ context: TLSContext, asking: Bool = false, _ body: (MessageSink) async throws -> Void
    ) async throws {
        let loop = try IOLoop(name: "test")
        defer { loop.stop() }
        let messages = MessageSink()
        let logger = Logger(label: "test", level: .debug, sink: messages)
        let reloader = TLSReloader(context, on: loop, logger: logger)
        if asking { reloader.reloadNow() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await reloader.run() }
            try await body(messages)
            group.cancelAll()
        }
    }
}

/// Log messages as a sequence.
private final class MessageSink: LogSink {
    private let messages: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation

    init() { (messages, continuation) = AsyncStream.makeStream() }

    func write(_ record: LogRecord) { continuation.yield("\(record.message)") }

    func next() async -> String? {
        await messages.first { _ in true }
    }

    /// Waits for a message of that kind.
    func next(_ isWanted: (String) -> Bool) async -> Bool {
        for await message in messages where isWanted(message) { return true }
        return false
    }
}
