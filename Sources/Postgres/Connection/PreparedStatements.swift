/// The statements which one connection has prepared, or is preparing.
struct PreparedStatements {
    /// One statement with one list of parameter types.
    final class Entry {
        let name: String
        let types: [TypeOID]
        /// Why the server did not prepare it. Calls sent behind the failed one find out by this.
        var failure: PostgresError?

        init(name: String, types: [TypeOID]) {
            self.name = name
            self.types = types
        }

        /// A null of no type goes with any.
        func takes(_ slots: [EncodedParameters.Slot]) -> Bool {
            guard slots.count == types.count else { return false }
            for (slot, type) in zip(slots, types)
            where slot.type != type && slot.type != .unknown { return false }
            return true
        }
    }

    private var entries: [String: (sql: String, variants: [Entry])] = [:]
    private var made = 0

    /// The entry to execute, and whether it must be prepared first.
    mutating func entry(
        for statement: Statement, _ parameters: EncodedParameters
    ) -> (entry: Entry, isNew: Bool) {
        if let known = entries[statement.name] {
            precondition(known.sql == statement.sql, "two statements are named \(statement.name)")
            for entry in known.variants where entry.takes(parameters.slots) {
                return (entry, false)
            }
        }
        made += 1
        // The number keeps it apart from variants and from what was dropped on failure.
        let entry = Entry(
            name: "\(statement.name.utf8.count < 48 ? statement.name : "s").\(made)",
            types: parameters.types)
        entries[statement.name, default: (statement.sql, [])].variants.append(entry)
        return (entry, true)
    }

    mutating func forget(_ entry: Entry, of statement: Statement) {
        entries[statement.name]?.variants.removeAll { $0 === entry }
    }
}
