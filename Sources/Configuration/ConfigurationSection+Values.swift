// Each answers nil when the key isn't there, or when what it says is wrong, which is noted then.
extension ConfigurationSection {
    /// A text that can be made a value.
    ///
    /// - Parameters:
    ///   - rule: Of the text, as in `must be a type pattern such as order.*`.
    ///   - parse: Nil when the text breaks the rule.
    public func value<Value>(
        _ key: String, _ rule: String, _ parse: (String) -> Value?
    ) -> Value? {
        member(key).flatMap { Self.value($0.value, pathOf(key), faults, rule, parse) }
    }

    /// A list of such texts.
    public func values<Value>(
        _ key: String, count: ClosedRange<Int> = 0...1_000, _ rule: String,
        _ parse: (String) -> Value?
    ) -> [Value]? {
        elements(key, count)?.enumerated().compactMap { index, node in
            Self.value(node, "\(pathOf(key))[\(index)]", faults, rule, parse)
        }
    }

    /// A text of at least one character.
    public func text(_ key: String) -> String? {
        value(key, "must be a text") { $0.isEmpty ? nil : $0 }
    }

    /// `true` or `false`, without quotes.
    public func flag(_ key: String) -> Bool? {
        plain(key, "must be true or false") { ["true": true, "false": false][$0] }
    }

    public func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        let rule = "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
        return plain(key, rule) { text in Int(text).flatMap { range.contains($0) ? $0 : nil } }
    }

    public func number(_ key: String, in range: ClosedRange<Double>) -> Double? {
        let rule = "must be a number from \(range.lowerBound) to \(range.upperBound)"
        return plain(key, rule) { text in Double(text).flatMap { range.contains($0) ? $0 : nil } }
    }

    /// `500ms`, `10s`, `5m`, `2h`, `1d`.
    public func duration(_ key: String, in range: ClosedRange<Duration>) -> Duration? {
        let bounds = [range.lowerBound, range.upperBound].map(DurationText.text)
        let rule = "must be a duration from \(bounds[0]) to \(bounds[1]), such as 500ms, 10s or 5m"
        return value(key, rule) { text in
            DurationText.parse(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// One of a closed set of words.
    public func choice<Value>(_ key: String, _ choices: [(String, Value)]) -> Value? {
        let rule = "must be " + choices.map(\.0).joined(separator: " or ")
        return value(key, rule) { text in choices.first { $0.0 == text }?.1 }
    }

    private func plain<Value>(_ key: String, _ rule: String, _ parse: (String) -> Value?) -> Value?
    {
        guard let node = member(key)?.value else { return nil }
        if case .scalar(let text, isPlain: true) = node.content, let value = parse(text) {
            return value
        }
        faults.add(pathOf(key), node.place, rule)
        return nil
    }

    static func value<Value>(
        _ node: ConfigurationNode, _ path: String, _ faults: FaultList, _ rule: String,
        _ parse: (String) -> Value?
    ) -> Value? {
        if case .scalar(let text, _) = node.content, let value = parse(text) { return value }
        faults.add(path, node.place, rule)
        return nil
    }
}
