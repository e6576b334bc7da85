extension WireScanner {
    /// Why the scan stopped, and where, innermost field first.
    struct Failure: Error {
        struct Part {
            /// Index in the storage's `fields`.
            var field: Int
            /// Which element of a list.
            var element: Int?
            /// The key of a map's entry, as it is written in a path.
            var key: String?
        }

        var code: DecodingError.Code
        var message: String
        var path: [Part] = []

        func error(in storage: DescriptorStorage) -> DecodingError {
            var text = ""
            for part in path.reversed() {
                let field = storage.fields[part.field]
                // An entry's own `key` and `value` are not said: `extra["k"].name`.
                if let message = field.message, storage.messages[message].isMapEntry { continue }
                if !text.isEmpty { text += "." }
                text += field.name
                if let key = part.key {
                    text += "[\(key)]"
                } else if let element = part.element {
                    text += "[\(element)]"
                }
            }
            return DecodingError(code, path: text, message)
        }
    }

    @discardableResult
    mutating func fail(_ code: DecodingError.Code, _ message: String) -> Bool {
        failure = Failure(code: code, message: message)
        return false
    }

    /// Adds a field to the path of a failure inside of it.
    ///
    /// - Parameters:
    ///   - level: Where the message that has the field starts.
    ///   - item: Where this occurrence of the field starts.
    ///   - value: The bytes of the occurrence, where known.
    mutating func leave(
        _ field: ScanTable.Field, _ number: Int, _ level: Int, _ item: Int,
        _ value: Range<Int>? = nil
    ) -> Bool {
        var part = Failure.Part(field: Int(field.index))
        if field.flags & ScanTable.Field.map != 0, let value {
            part.key = mapKey(value)
        }
        if part.key == nil, field.flags & ScanTable.Field.repeated != 0 {
            part.element = occurrences(number, level, item)
        }
        failure?.path.append(part)
        return false
    }

    /// How many times a field occurs before `end`, in bytes that were already checked so far.
    func occurrences(_ number: Int, _ start: Int, _ end: Int) -> Int {
        var found = 0
        var reader = reader(start..<end)
        while !reader.isAtEnd, let item = reader.item() {
            if item.number == number { found += 1 }
        }
        return found
    }

    /// The key of an entry that may be broken; nil when it has none before the break.
    private func mapKey(_ entry: Range<Int>) -> String? {
        var reader = reader(entry)
        while !reader.isAtEnd, let item = reader.item() {
            guard item.number == 1 else { continue }
            switch item.value {
            case .varint(let value): return String(Int64(bitPattern: value))
            case .fixed32(let value): return String(value)
            case .fixed64(let value): return String(value)
            case .range(let range):
                let bytes = reader.bytes[range.prefix(64)]
                guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
                return FieldPath.quoted(text)
            }
        }
        return nil
    }

    /// For the failing path only: copies.
    private func reader(_ range: Range<Int>) -> WireReader {
        WireReader(unsafe Array(base[range]))
    }
}

/// How a place in a message is written.
enum FieldPath {
    /// A map key, at most 64 characters of it, safe to print.
    static func quoted(_ key: String) -> String {
        var text = "\""
        for character in key.unicodeScalars.prefix(64) {
            switch character {
            case "\"", "\\": text += "\\" + String(character)
            case _ where character.value < 0x20 || character.value == 0x7f: text += "\u{fffd}"
            default: text.unicodeScalars.append(character)
            }
        }
        return text + "\""
    }
}
