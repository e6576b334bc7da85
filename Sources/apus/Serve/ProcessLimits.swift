import Glibc
import Telemetry

/// What the process may use.
enum ProcessLimits {
    /// Raises the number of files it may open as far as it is allowed to: a connection is a file.
    static func raiseOpenFiles(logger: Logger) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            logger.warning("The limit of open files stays as it was", [.errno: .init(errno)])
            return
        }
        logger.debug("Open files", [.openFiles: .init(limit.rlim_cur)])
    }
}
