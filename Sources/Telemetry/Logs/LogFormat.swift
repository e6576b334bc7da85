/// How a record becomes one line.
public enum LogFormat: String, Sendable, CaseIterable {
    /// `time=… level=info label=postgres message="Connected" db.name=apus`
    case text
    /// One JSON object a line, with the same names.
    case json

    /// Longest value written, in bytes of UTF-8; a longer one is cut.
    public static let maxValueBytes = 8_192

    /// The record as one line with its line feed; fields in the order of their names.
    public func line(for record: LogRecord) -> String {
        var line = ""
        line.reserveCapacity(160 + record.fields.count * 32)
        let fields = record.fields.sorted { $0.key.name < $1.key.name }
        switch self {
        case .text: Self.appendText(of: record, fields, to: &line)
        case .json: Self.appendJSON(of: record, fields, to: &line)
        }
        line.append("\n")
        return line
    }

    private static func appendText(
        of record: LogRecord, _ fields: [(key: LogKey, value: LogValue)], to line: inout String
    ) {
        line.append("time=\(record.time) level=\(record.level.name) label=")
        line.append(logfmt: record.label)
        line.append(" message=")
        line.append(jsonString: record.message.description)
        for (key, value) in fields {
            line.append(" ")
            line.append(key.name)
            line.append("=")
            switch value {
            case .string(let text): line.append(logfmt: text.cut(toBytes: maxValueBytes))
            case .integer(let number): line.append(String(number))
            case .double(let number): line.append(String(number))
            case .bool(let flag): line.append(flag ? "true" : "false")
            }
        }
    }

    private static func appendJSON(
        of record: LogRecord, _ fields: [(key: LogKey, value: LogValue)], to line: inout String
    ) {
        line.append("{\"time\":\"\(record.time)\",\"level\":\"\(record.level.name)\",\"label\":")
        line.append(jsonString: record.label)
        line.append(",\"message\":")
        line.append(jsonString: record.message.description)
        for (key, value) in fields {
            line.append(",")
            line.append(jsonString: key.name)
            line.append(":")
            switch value {
            case .string(let text): line.append(jsonString: text.cut(toBytes: maxValueBytes))
            case .integer(let number): line.append(String(number))
            case .double(let number) where number.isFinite: line.append(String(number))
            case .double(let number): line.append(jsonString: String(number))
            case .bool(let flag): line.append(flag ? "true" : "false")
            }
        }
        line.append("}")
    }
}
