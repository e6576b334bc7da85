internal import Glibc

/// What part a process of a server of ours gets of a busy processor.
enum ProcessPriority {
    enum Outcome {
        case lowered
        /// The system takes no more than so many such changes a second.
        case tooSoon
        case refused(String)
    }

    /// How much nicer it is than this process: a tenth of the weight.
    private static let difference: Int32 = 10

    /// Lets others go first.
    ///
    /// A process of Postgres is a session of its own to the system, and Linux weighs such groups before
    /// it weighs processes (sched(7), "The autogroup feature"): where it does, the nice value counts
    /// within a group of one, and what has a say is the group's.
    static func lower(_ process: Int32) -> Outcome {
        let kind = __priority_which_t(PRIO_PROCESS.rawValue)
        let nice = min(getpriority(kind, 0) + difference, 19)
        guard setpriority(kind, id_t(process), nice) == 0 else { return outcome(of: errno) }
        let group = unsafe open("/proc/\(process)/autogroup", O_WRONLY | O_CLOEXEC)
        guard group >= 0 else {
            // A system that has no such groups.
            return errno == ENOENT ? .lowered : outcome(of: errno)
        }
        defer { close(group) }
        let value = Array("\(difference)".utf8)
        let isWritten = unsafe write(group, value, value.count) == value.count
        return isWritten ? .lowered : outcome(of: errno)
    }

    private static func outcome(of error: Int32) -> Outcome {
        error == EAGAIN ? .tooSoon : .refused(describe(errno: error))
    }
}
