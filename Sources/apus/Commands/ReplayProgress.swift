import EventProtos

/// How far a replay is, for a person who waits for it.
struct ReplayProgress {
    /// Runs that are over, well or not.
    let done: UInt64
    let failed: UInt64
    /// All that the replay means to do.
    let total: UInt64

    init(done: UInt64, failed: UInt64, total: UInt64) {
        self.done = done
        self.failed = failed
        self.total = total
    }

    init(_ replay: ApusV1.ReplayResponse) {
        let targets = replay.targets.filter(\.skippedReason.isEmpty)
        self.init(
            done: targets.reduce(0) { $0 + $1.done + $1.failed },
            failed: targets.reduce(0) { $0 + $1.failed },
            total: targets.reduce(0) { $0 + $1.events })
    }

    /// 0...100, and 100 only when all is done.
    var percent: Int {
        guard total > 0 else { return 100 }
        return Int((Double(min(done, total)) / Double(total) * 100).rounded(.down))
    }

    /// `43 % · 4321 of 10000 · 2 failed`.
    var line: String {
        "\(percent) % · \(done) of \(total)" + (failed > 0 ? " · \(failed) failed" : "")
    }

    /// `[#########-----------]  43 % · 4321 of 10000 · 3 s left`, no wider than a terminal's line.
    ///
    /// - Parameter elapsed: Since ``done`` was zero; nil: nobody knows.
    func bar(width: Int, elapsed: Duration?) -> String {
        var text = line
        if let left = left(after: elapsed) { text += " · \(left)" }
        // Brackets, a space, and the last column, in which some terminals break the line.
        let cells = min(40, width - text.count - 4)
        guard cells >= 5 else { return String(text.prefix(max(0, width - 1))) }
        let filled = cells * percent / 100
        return "[" + String(repeating: "#", count: filled)
            + String(repeating: "-", count: cells - filled) + "] " + text
    }

    private func left(after elapsed: Duration?) -> String? {
        guard let elapsed, elapsed >= .seconds(1), done > 0, done < total else { return nil }
        let seconds = elapsed / .seconds(1) * Double(total - done) / Double(done)
        switch seconds {
        case ..<100: return "\(Int(seconds.rounded(.up))) s left"
        case ..<6_000: return "\(Int((seconds / 60).rounded(.up))) min left"
        default: return "\(Int(min(seconds / 3_600, 1e6).rounded(.up))) h left"
        }
    }
}
