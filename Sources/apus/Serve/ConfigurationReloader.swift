import Configuration
import Telemetry

/// Reads the configuration file again when it is told to. A file that is wrong changes nothing.
final class ConfigurationReloader: Sendable {
    private let path: String
    /// What the running parts were made by.
    private let started: ConfigurationFile
    private let webhooks: WebhookSending
    private let logger: Logger

    init(_ path: String, file: ConfigurationFile, webhooks: WebhookSending, logger: Logger) {
        self.path = path
        self.webhooks = webhooks
        self.logger = logger
        started = file
    }

    func reload() {
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
        webhooks.update(by: file)
        for name in file.fixed(since: started) {
            logger.warning(
                "A change of the configuration counts after a restart", [.name: .init(name)])
        }
        logger.info("Configuration reloaded", [.path: .init(path)])
    }
}
