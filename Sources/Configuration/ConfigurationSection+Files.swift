extension ConfigurationSection {
    /// Bytes of one file.
    static let maxFileBytes = 64 << 10

    /// A list of files' names: one value a line of each, without the spaces around it. Empty lines
    /// are left out, but a file must have one that is not.
    ///
    /// For what does not belong into a configuration file, such as the secrets that an orchestrator
    /// mounts. Faults name the file by its place in the list, and never show what it says.
    ///
    /// - Parameter rule: What a line must be, for the fault's message.
    public func lines<Value>(
        ofFiles key: String, count: ClosedRange<Int>, _ rule: String, _ parse: (String) -> Value?
    ) -> [Value]? {
        elements(key, count)?.enumerated().flatMap { index, node -> [Value] in
            let path = "\(pathOf(key))[\(index)]"
            let name = Self.value(node, path, faults, "must be a file's name") { text in
                text.isEmpty || text.utf8.contains(0) ? nil : text
            }
            guard let name else { return [] }
            do throws(YamlFault) {
                return try Self.lines(of: name).map { number, line throws(YamlFault) in
                    if let value = parse(line) { return value }
                    throw YamlFault(place: nil, message: "line \(number) \(rule)")
                }
            } catch {
                faults.add(path, node.place, error.message)
                return []
            }
        }
    }

    private static func lines(
        of file: String
    ) throws(YamlFault) -> [(number: Int, text: String)] {
        let text = try ConfigurationReader.contents(of: file, atMost: maxFileBytes + 1)
        guard text.count <= maxFileBytes else {
            throw YamlFault(place: nil, message: "is larger than \(maxFileBytes) bytes")
        }
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .enumerated().map { ($0 + 1, trimmed($1)) }
            .filter { !$1.isEmpty }
        guard !lines.isEmpty else { throw YamlFault(place: nil, message: "says nothing") }
        return lines
    }

    private static func trimmed(_ line: [UInt8].SubSequence) -> String {
        let spaces: Set<UInt8> = [0x20, 0x09, 0x0D]
        let text = line.drop { spaces.contains($0) }
        let end = text.lastIndex { !spaces.contains($0) }
        return String(decoding: end.map { text[...$0] } ?? [], as: UTF8.self)
    }
}
