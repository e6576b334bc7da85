import Events
import Postgres

/// The statement behind a name that projections use: it takes the rows of a batch as arrays.
struct ProjectionStatement: Sendable {
    enum Column: Sendable { case text, integer, real, bool, time }

    let statement: Statement
    let columns: [Column]

    init(_ name: String, _ sql: [UInt8], _ columns: [Column]) {
        statement = Statement(name: name, sql: String(decoding: sql, as: UTF8.self))
        self.columns = columns
    }

    /// One array a column; nil when a row does not fit.
    func parameters(_ rows: [[ProjectionChange.Value]]) -> [Parameter]? {
        guard rows.allSatisfy({ $0.count == columns.count }) else { return nil }
        var parameters: [Parameter] = []
        for (index, column) in columns.enumerated() {
            guard let array = Self.array(rows.map { $0[index] }, column) else { return nil }
            parameters.append(array)
        }
        return parameters
    }

    private static func array(
        _ values: [ProjectionChange.Value], _ column: Column
    ) -> Parameter? {
        var texts: [String?] = []
        var integers: [Int64?] = []
        var reals: [Double?] = []
        var bools: [Bool?] = []
        for value in values {
            switch (column, value) {
            case (.text, .text(let text)): texts.append(text)
            case (.integer, .integer(let number)): integers.append(number)
            case (.real, .real(let number)): reals.append(number)
            case (.bool, .bool(let value)): bools.append(value)
            case (.time, .time(let time)): integers.append(time.microseconds)
            case (.text, .null): texts.append(nil)
            case (.integer, .null), (.time, .null): integers.append(nil)
            case (.real, .null): reals.append(nil)
            case (.bool, .null): bools.append(nil)
            default: return nil
            }
        }
        switch column {
        case .text: return .textArray(texts)
        case .integer: return .int8Array(integers)
        case .time: return .timestamptzArray(integers)
        case .real: return .float8Array(reals)
        case .bool: return .boolArray(bools)
        }
    }
}

extension PostgresTransaction {
    /// Applies projections' changes, in order, those of one name and neighbourhood together.
    ///
    /// - Throws: `PostgresError`; ``BooksError/changeRefused`` when the server refuses one.
    nonisolated(nonsending) func apply(_ changes: [ProjectionChange]) async throws {
        var index = 0
        while index < changes.count {
            let name = changes[index].name
            var rows: [[ProjectionChange.Value]] = []
            while index < changes.count, changes[index].name == name {
                rows.append(changes[index].values)
                index += 1
            }
            guard let statement = ProjectionStatement.all[name],
                let parameters = statement.parameters(rows)
            else { preconditionFailure("no statement fits the change \(name.rawValue)") }
            do {
                _ = try await execute(statement.statement, parameters)
            } catch let error as PostgresError where error.code == .rejected {
                throw BooksError.changeRefused
            }
        }
    }
}
