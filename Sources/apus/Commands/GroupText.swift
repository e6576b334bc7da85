import EventProtos

/// Groups and dead letters as people read them.
extension EventText {
    /// A group, its settings and how it gets on.
    static func block(_ answer: ApusV1.GroupResponse) -> String {
        let group = answer.group ?? ApusV1.Group()
        var settings = [
            "from \(word(group.start))", word(group.ordering),
            count(group.maxAttempts, "attempt"),
            "\(group.ackDeadline.map(scalar) ?? "") each",
        ]
        if let filter = group.filter { settings.insert(contentsOf: words(filter), at: 0) }
        return """
            \(group.name)  position \(answer.position), \(behind(answer)), \
            \(count(answer.members, "member")), \(answer.inFlight) in flight, \
            \(count(answer.deadLettered, "dead letter"))
              \(settings.joined(separator: ", "))
            """
    }

    private static func behind(_ answer: ApusV1.GroupResponse) -> String {
        guard answer.lagEvents > 0 else { return "at the head" }
        let lag = answer.lag.map(scalar) ?? "0s"
        return "\(count(answer.lagEvents, "event")) (\(lag)) behind"
    }

    private static func words(_ filter: ApusV1.Filter) -> [String] {
        var words: [String] = []
        if !filter.types.isEmpty { words.append(filter.types.joined(separator: " ")) }
        if filter.tenants.contains("*") { words.append("all tenants") }
        if !filter.subjectPrefix.isEmpty { words.append("subjects \(filter.subjectPrefix.shown)*") }
        if !filter.sources.isEmpty {
            words.append("sources " + filter.sources.map(\.shown).joined(separator: " "))
        }
        words += filter.kinds.map(word)
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
            "\(count(letter.attempts.first?.attempt ?? 0, "attempt")), at \(moment(letter.deadLetteredAt)):"
                + " \(letter.reason.shown)",
        ].joined(separator: "  ")
    }
}
