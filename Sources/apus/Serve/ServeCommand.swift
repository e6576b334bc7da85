import CProcess
import Configuration
import IO
import Telemetry

struct ServeCommand: Command {
    static let syntax = CommandSyntax(
        "serve", summary: "Runs the service.",
        discussion: """
            Prints one line when it takes calls. SIGTERM ends it in good order: calls in flight are finished, streams
            end with UNAVAILABLE after their last cursor; a second SIGTERM ends it at once.
            """,
        flags: ServeConfiguration.flags)

    private let configuration: ServeConfiguration

    init(_ arguments: ParsedArguments) throws(UsageError) {
        configuration = try ServeConfiguration(arguments)
    }

    func run(_ terminal: Terminal) async throws {
        process_report_crashes()
        let logger = Logger(
            label: "apus", level: configuration.logLevel,
            sink: StandardErrorSink(format: configuration.logFormat))
        ProcessLimits.raiseOpenFiles(logger: logger)
        try await checkReach()
        let file = try configurationFile()
        let tls = try configuration.doors.makeContext()
        let signals = StopSignals()
        let loops = try IOLoopGroup(count: configuration.loops)
        let webhooks = WebhookSending()
        let opened = try await signals.unlessPressed { [configuration] in
            try await Store.open(configuration.place, logger: logger)
        }
        guard let store = opened else { return logger.info("Stopped before it served") }
        do {
            let served: Void? = try await signals.unlessPressed { [configuration] in
                _ = try await store.migrate(on: loops.loops[0], logger: logger)
                let node = try Node(
                    configuration, file: file, webhooks: webhooks, tls: tls, store: store,
                    loops: loops, logger: logger)
                try await node.run(until: signals) { addresses in
                    terminal.print("Apus listens on \(addresses); \(store.location)")
                }
            }
            if served == nil { logger.info("Stopped before it served") }
        } catch {
            await store.close()
            throw error
        }
        await store.close()
        await webhooks.stop()
        loops.stop()
    }

    /// - Throws: ``CommandFailure`` with all that is wrong with the file.
    private func configurationFile() throws(CommandFailure) -> ConfigurationFile {
        guard let path = configuration.configurationPath else { return .empty }
        do throws(ConfigurationError) {
            return try ConfigurationFile.read(path)
        } catch {
            throw CommandFailure("--config names a file that is wrong:\n\(error)")
        }
    }

    /// Before anything is made: nobody but this machine may reach callers' data unasked.
    private func checkReach() async throws {
        guard !configuration.isInsecure else { return }
        for (host, port) in configuration.doors.unauthenticated {
            for address in try await Resolver.addresses(host: host, port: port)
            where !address.isLoopback {
                throw CommandFailure(
                    "\(address.host) can be reached from other machines, and callers are not"
                        + " authenticated; listen on 127.0.0.1, ask for client certificates, or say"
                        + " --insecure")
            }
        }
    }
}
