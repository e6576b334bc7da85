/// Which messages contain themselves.
///
/// A list or a map keeps its messages elsewhere, so only singular fields count: with `Struct` and
/// `Value` of protobuf nothing needs a box.
struct Recursion {
    /// The messages that each message contains, however deep.
    private var contained: [String: Set<String>] = [:]

    init(_ messages: [String: ProtoMessage]) {
        for (name, message) in messages where contained[name] == nil {
            var seen: Set<String> = []
            var pending = Recursion.direct(message)
            while let next = pending.popLast() {
                guard seen.insert(next).inserted, let message = messages[next] else { continue }
                pending += Recursion.direct(message)
            }
            contained[name] = seen
        }
    }

    func isRecursive(_ field: ProtoField, of message: ProtoMessage) -> Bool {
        guard !field.isRepeated, case .message(let name) = field.type else { return false }
        return name == message.fullName || contained[name]?.contains(message.fullName) == true
    }

    private static func direct(_ message: ProtoMessage) -> [String] {
        message.fields.compactMap { field in
            guard !field.isRepeated, case .message(let name) = field.type else { return nil }
            return name
        }
    }
}
