/// When to say again that consumers hold the log: when others do, and once in a while.
struct RetentionComplaint {
    /// Rounds of ``Retention/interval``: an hour.
    private static let rounds = 720

    private var consumers: [String] = []
    private var silentRounds = 0

    mutating func isDue(about consumers: [String]) -> Bool {
        silentRounds += 1
        guard consumers != self.consumers || silentRounds >= Self.rounds else { return false }
        self.consumers = consumers
        silentRounds = 0
        return true
    }

    /// Nobody holds the log.
    mutating func settle() {
        self = RetentionComplaint()
    }
}
