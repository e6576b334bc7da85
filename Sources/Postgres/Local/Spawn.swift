internal import CLinux
internal import Glibc

/// What a new process is to be.
package struct Command: Sendable {
    /// The program's path, then its arguments.
    package var words: [String]
    package var environment: [String: String]
    package var workingDirectory = "/"
    /// Where its standard output and error go; nil for nowhere.
    package var output: Int32?
    /// Where its standard input comes from; nil for nowhere.
    package var input: Int32?
    /// In a session of its own, out of reach of the terminal's Ctrl-C.
    package var isDetached = false

    package init(_ words: [String], environment: [String: String] = Command.plainEnvironment) {
        self.words = words
        self.environment = environment
    }

    /// Enough for system tools, and English, UTF-8 messages.
    package static let plainEnvironment = [
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8", "HOME": "/",
    ]

    /// Starts it from the calling thread: a signal at the parent's death follows that thread.
    ///
    /// The child has no descriptor of ours but those named, no blocked and no ignored signal.
    ///
    /// - Throws: ``PostgresError`` `.localServer` when the program cannot be started.
    func spawn() throws(PostgresError) -> Int32 {
        let arguments = CStrings(words)
        let variables = CStrings(environment.map { "\($0.key)=\($0.value)" })
        var pid: Int32 = 0
        let outcome = unsafe clinux_spawn(
            &pid, words[0], arguments.mutablePointers, variables.mutablePointers,
            workingDirectory, input ?? -1, output ?? -1, isDetached ? 1 : 0)
        guard outcome == 0 else {
            throw PostgresError(
                .localServer, "\(words[0]) cannot be started: \(describe(errno: -outcome))")
        }
        return pid
    }
}

/// `No such file or directory` and so on.
func describe(errno: Int32) -> String {
    unsafe String(cString: strerror(errno))
}
