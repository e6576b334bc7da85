/// A label of a metric. The names are a closed list, and so must be the values: never a stream, an
/// id or a subject; groups and their tenants only in a table that bounds them.
public struct MetricLabel: Sendable, Hashable {
    public struct Name: Sendable, Hashable {
        public let text: String
        private init(_ text: String) { self.text = text }

        public static let type = Name("type")
        public static let method = Name("method")
        public static let code = Name("code")
        public static let outcome = Name("outcome")
        public static let handler = Name("handler")
        public static let component = Name("component")
        public static let operation = Name("operation")
        public static let state = Name("state")
        public static let limit = Name("limit")
        public static let level = Name("level")
        public static let group = Name("group")
        public static let tenant = Name("tenant")
    }

    public let name: Name
    public let value: String

    public init(_ name: Name, _ value: String) {
        self.name = name
        self.value = value
    }
}
