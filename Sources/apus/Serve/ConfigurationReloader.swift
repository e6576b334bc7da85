import Configuration
import Events
import Telemetry

/// Reads the configuration file again when it is told to, and has the handlers be as it says. A file
/// that is wrong, or can't be put to use, changes nothing.
final class ConfigurationReloader: Sendable {
    private let path: String
    /// What the running parts were made by.
    private let started: ConfigurationFile
    private let inUse: Lock<ConfigurationFile>
    private let handlers: NodeHandlers
    private let host: HandlerHost
    private let logger: Logger

    init(
        _ path: String, file: ConfigurationFile, handlers: NodeHandlers, host: HandlerHost,
        logger: Logger
    ) {
        self.path = path
        self.handlers = handlers
        self.host = host
        self.logger = logger
        started = file
        inUse = Lock(file)
    }

    /// One call at a time.
    func reload() async {
        let file: ConfigurationFile
        do throws(ConfigurationError) {
            file = try ConfigurationFile.read(path)
        } catch {
            for fault in error.faults {
                logger.error("Configuration fault", [.error: .init(fault)])
            }
            logger.error(
                "The configuration can't be used, the old one stays in use",
                [.path: .init(path), .count: .init(error.faults.count)])
            return
        }
        let renewed = file.renewed(since: inUse.withLock { $0 })
        do {
            try await host.use(handlers.registry(for: file), renewing: renewed) {
                handlers.webhooks.update(to: file)
            }
        } catch {
            logger.error(
                "The configuration can't be put to use, the old one stays in use",
                [.path: .init(path), .error: .init(String(describing: error))])
            return
        }
        inUse.withLock { $0 = file }
        for name in file.fixed(since: started) {
            logger.warning(
                "A change of the configuration counts after a restart", [.name: .init(name)])
        }
        logger.info("Configuration reloaded", [.path: .init(path)])
    }
}
