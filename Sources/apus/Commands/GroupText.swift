import EventProtos

/// Groups and dead letters as people read them.
extension EventText {
    /// A group, its settings and how it gets on.
    static func block(_ answer: ApusV1.GroupResponse) -> String {
        let group = answer.group ?? ApusV1.Group()
        let lag = answer.lag.map(scalar) ?? "0s"
        var settings = [
            "from \(word(group.start))", word(group.ordering), "\(group.maxAttempts) attempts",
            "\(group.ackDeadline.map(scalar) ?? "") each",
        ]
        if let filter = group.filter { settings.insert(contentsOf: words(filter), at: 0) }
        return """
            \(group.name)  position \(answer.position), \(answer.lagEvents) events (\(lag)) behind, \
            \(answer.members) members, \(answer.inFlight) in flight, \
            \(answer.deadLettered) dead letters
              \(settings.joined(separator: ", "))
            """
    }

    private static func words(_ filter: ApusV1.Filter) -> [String] {
        var words: [String] = []
        if !filter.types.isEmpty { words.append(filter.types.joined(separator: " ")) }
        if filter.tenants.contains("*") { words.append("all tenants") }
        if !filter.subjectPrefix.isEmpty { words.append("subjects \(filter.subjectPrefix)*") }
        if !filter.sources.isEmpty {
            words.append("sources " + filter.sources.joined(separator: " "))
        }
        return words
    }

    private static func word(_ start: ApusV1.Group.Start?) -> String {
        switch start {
        case .beginning: "the beginning"
        case .end, nil: "the end"
        case .afterPosition(let position): "after \(position)"
        case .since(let moment): scalar(moment)
        }
    }

    private static func word(_ ordering: ApusV1.GroupOrdering) -> String {
        switch ordering {
        case .continue: "continue"
        case .hold: "hold"
        case .unspecified, .unrecognized: "unknown ordering"
        }
    }

    /// One line: consumer, the event, how often it was tried, why it was given up.
    static func line(_ letter: ApusV1.DeadLetter) -> String {
        [
            letter.consumer, letter.event.map { line($0) } ?? "",
            "\(letter.attempts.first?.attempt ?? 0) attempts, at \(moment(letter.deadLetteredAt)):"
                + " \(letter.reason)",
        ].joined(separator: "  ")
    }
}
