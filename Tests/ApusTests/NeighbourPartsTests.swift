import GRPC
import IO
import Telemetry
import TestCertificates
import Testing

@testable import apus

@Suite struct NeighbourPartsTests {
    @Test func `the certificates of the way to a neighbour are read again`() async throws {
        try await TestAuthority.with { authority in
            let target = try #require(ClientTarget("127.0.0.1:1"))
            let own = authority.issue("apus")
            var settings = NeighbourSettings()
            settings.mcpEngine = NeighbourSettings.Place(
                target: target,
                tls: NeighbourSettings.TLS(
                    issuers: authority.root.certificate, certificate: own.certificate,
                    key: own.key))
            settings.securityHub = NeighbourSettings.Place(target: target)
            let loops = try IOLoopGroup(count: 1)
            let messages = Messages()
            let parts = try NeighbourParts(
                settings, loops: loops, clock: ContinuousClock(), metrics: MetricsRegistry(),
                logger: Logger(label: "test", level: .info, sink: messages))
            #expect(parts.reloaders.count == 1)
            await withThrowingTaskGroup(of: Void.self) { group in
                for reloader in parts.reloaders {
                    reloader.reloadNow()
                    group.addTask { try await reloader.run() }
                }
                #expect(await messages.contain("TLS files reloaded"))
                group.cancelAll()
            }
            await parts.close()
            loops.stop()
        }
    }
}

private final class Messages: LogSink {
    private let all: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation

    init() { (all, continuation) = AsyncStream.makeStream() }

    func write(_ record: LogRecord) { continuation.yield("\(record.message)") }

    /// Waits for it.
    func contain(_ wanted: String) async -> Bool {
        for await message in all where message == wanted { return true }
        return false
    }
}
