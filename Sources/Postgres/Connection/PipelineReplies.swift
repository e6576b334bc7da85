/// What the server still owes on a pipelined connection.
///
/// Each call is a group of commands (prepare, begin, execute) closed by a sync. The server answers
/// every command with a result and an end, skips what follows a failure, and closes the group with
/// a sync. Only the sync says that the group's transaction is durable: a commit can fail after its
/// last command was answered.
struct PipelineReplies {
    /// One thing that libpq hands out.
    enum Reply: Equatable {
        case answer
        case failure
        /// Skipped, for an earlier command of the group failed.
        case aborted
        /// No more results of this command.
        case end
        case sync
    }

    enum Action: Equatable {
        case ignore
        /// The answer to the group's last command: the one the caller asked for.
        case keepAnswer
        /// The group failed, at the command of this number (from 0; the number of commands when its
        /// commit failed). Told once for a group.
        case keepFailure(command: Int)
        /// The oldest group is done.
        case complete
        /// The server, or libpq, does not do what we believe: the connection is of no use.
        case violation
    }

    /// Commands in each group, oldest first.
    private var groups = Fifo<Int>()
    /// The command of the oldest group whose results come now.
    private var command = 0
    private var sawResult = false
    private var failed = false

    var isEmpty: Bool { groups.isEmpty }
    var count: Int { groups.count }

    mutating func expect(commands: Int) { groups.append(commands) }

    mutating func received(_ reply: Reply) -> Action {
        guard let commands = groups.first else { return .violation }
        switch reply {
        case .answer:
            guard command < commands, !sawResult, !failed else { return .violation }
            sawResult = true
            return command == commands - 1 ? .keepAnswer : .ignore
        case .failure:
            sawResult = true
            guard !failed else { return .ignore }
            failed = true
            return .keepFailure(command: command)
        case .aborted:
            guard failed else { return .violation }
            sawResult = true
            return .ignore
        case .end:
            guard sawResult else { return .violation }
            sawResult = false
            if command < commands { command += 1 }
            return .ignore
        case .sync:
            guard command == commands || failed else { return .violation }
            _ = groups.popFirst()
            command = 0
            sawResult = false
            failed = false
            return .complete
        }
    }
}
