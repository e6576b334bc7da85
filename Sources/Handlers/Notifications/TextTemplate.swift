/// A text with places for fields of an event: `Order {order.number} is on its way.`
///
/// `{field.of.field}` is replaced by what the payload's field holds, by its name in the schema;
/// `{{` stands for a brace. A field that is not there, or not set, is nothing.
public struct TextTemplate: Sendable, Hashable {
    private enum Part: Sendable, Hashable {
        case text(String)
        case field([String])
    }

    /// How values are written, so that none of them can be taken for something else.
    public enum Format: Sendable {
        /// Without control characters, which could end a line or a header.
        case plain
        /// As HTML's text or attribute.
        case html
    }

    static let maxBytes = 16 << 10
    private static let maxDepth = 8
    private static let maxValueBytes = 1 << 10

    /// As it was written.
    public let source: String
    private let parts: [Part]

    /// Nil when a brace is left open, or nothing, or no name, stands between two.
    public init?(_ source: String) {
        guard source.utf8.count <= Self.maxBytes else { return nil }
        var parts: [Part] = []
        var text = ""
        var rest = source[...]
        while let character = rest.popFirst() {
            guard character == "{" else {
                text.append(character)
                continue
            }
            if rest.first == "{" {
                text.append(rest.removeFirst())
                continue
            }
            guard let end = rest.firstIndex(of: "}"), let path = Self.path(rest[..<end]) else {
                return nil
            }
            if !text.isEmpty { parts.append(.text(text)) }
            text = ""
            parts.append(.field(path))
            rest = rest[end...].dropFirst()
        }
        if !text.isEmpty { parts.append(.text(text)) }
        self.source = source
        self.parts = parts
    }

    private static func path(_ text: Substring) -> [String]? {
        let names = text.split(separator: ".", omittingEmptySubsequences: false)
        let isValid = names.allSatisfy { name in
            !name.isEmpty
                && name.utf8.allSatisfy {
                    (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F
                }
        }
        return isValid && names.count <= maxDepth ? names.map(String.init) : nil
    }

    /// The fields that it names.
    var paths: [[String]] {
        parts.compactMap { part in
            if case .field(let path) = part { path } else { nil }
        }
    }

    /// The text with an event's values in it. What a caller may write there is bounded: a value by
    /// 1 KiB, what is over is cut off.
    public func text(_ fields: PayloadFields, as format: Format = .plain) -> String {
        var result = ""
        for part in parts {
            switch (part, format) {
            case (.text(let text), .plain): result += text
            case (.text(let text), .html): result += Self.html(text)
            case (.field(let path), .plain):
                result += Self.plain(Self.cut(fields.text(at: path)))
            case (.field(let path), .html): result += Self.html(Self.cut(fields.text(at: path)))
            }
        }
        return result
    }

    private static func cut(_ value: String) -> String {
        guard value.utf8.count > maxValueBytes else { return value }
        var kept = ""
        var bytes = 0
        for scalar in value.unicodeScalars {
            bytes += scalar.utf8.count
            guard bytes <= maxValueBytes else { break }
            kept.unicodeScalars.append(scalar)
        }
        return kept
    }

    private static func plain(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            let isControl =
                scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
                || scalar.value == 0x2028 || scalar.value == 0x2029
                // What turns the direction of the text around it.
                || (0x202A...0x202E).contains(scalar.value)
                || (0x2066...0x2069).contains(scalar.value)
            result.unicodeScalars.append(isControl ? " " : scalar)
        }
        return result
    }

    private static func html(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\n": result += "<br>\n"
            default: result.unicodeScalars.append(scalar.value < 0x20 ? " " : scalar)
            }
        }
        return result
    }
}
