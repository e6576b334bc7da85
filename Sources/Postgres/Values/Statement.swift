/// SQL with `$1` parameters, prepared once on each connection that runs it.
///
/// Its name is what a connection knows it by: two statements of one name must have the same text.
public struct Statement: Sendable, Hashable {
    public let name: String
    public let sql: String

    public init(name: String, sql: String) {
        self.name = name
        self.sql = sql
    }

    public static func == (left: Statement, right: Statement) -> Bool { left.name == right.name }

    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
