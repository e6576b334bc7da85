internal import Glibc

/// How many files the process may have open, less what connections leave to others: the database's
/// connections, files to read again, other listeners.
enum DescriptorLimit {
    private static let reserve = 32

    /// The system's limit, which may change at any time.
    static var current: Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return .max
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// Whether one more connection leaves the reserve untouched. The system gives out the lowest
    /// free descriptor, so the last one tells, and where it is too high, a copy that is closed again.
    ///
    /// - Parameter open: Any descriptor to copy.
    static func hasRoom(after newest: Int32, copying open: Int32) -> Bool {
        let limit = current
        let ceiling = limit - min(reserve, limit / 4)
        if newest < ceiling { return true }
        let lowest = fcntl(open, F_DUPFD_CLOEXEC, 0)
        guard lowest >= 0 else { return false }
        close(lowest)
        return lowest < ceiling
    }
}
