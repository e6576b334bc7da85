/// The value of a field in a log record. Never a payload, never a parameter of a statement.
public enum LogValue: Sendable, Hashable {
    case string(String)
    case integer(Int64)
    case double(Double)
    case bool(Bool)

    public init(_ value: any CustomStringConvertible) {
        switch value {
        case let value as Bool: self = .bool(value)
        case let value as Double: self = .double(value)
        case let value as any BinaryInteger:
            self = Int64(exactly: value).map(Self.integer) ?? .string(value.description)
        default: self = .string(value.description)
        }
    }
}

extension LogValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}
