import Events
import Postgres
import TestSupport
import Testing

@testable import PostgresLog

/// Patterns of types mean the same in Postgres as here.
@Suite struct MatchingTypesTests {
    private static let segments = ["a", "ab", "a_b", "axb", "b1", "_"]

    private static func text(
        of segments: [String], upTo most: Int, _ random: inout SeededGenerator
    ) -> String {
        (0..<Int.random(in: 1...most, using: &random)).map { _ in
            segments[Int.random(in: 0..<segments.count, using: &random)]
        }.joined(separator: ".")
    }

    @Test func `Postgres matches the types that we match`() async throws {
        var random = SeededGenerator(seed: 239)
        let names = Set((0..<400).map { _ in Self.text(of: Self.segments, upTo: 5, &random) })
        let patterns = (0..<200).compactMap { _ in
            let head = Self.text(of: Self.segments + ["*", "*"], upTo: 4, &random)
            return TypePattern(Bool.random(using: &random) ? head : head + ".**")
        }
        let lists =
            patterns.map { [$0] } + [[], ["**"].compactMap(TypePattern.init), patterns]
            + stride(from: 0, to: 200, by: 20).map { Array(patterns[$0..<$0 + 5]) }
        try await TestLog.with { test in
            _ = try await test.rows(
                "insert into apus.types (name, version, message) select n, 1, n from unnest($1) n",
                [.textArray(names.sorted())])
            for list in lists {
                let rows = try await test.rows(
                    """
                    select t.name
                    from apus.matching_types($1) m (id) join apus.types t using (id)
                    order by 1
                    """, [.textArray(list.map(\.text))])
                let found = try rows.map { row throws(PostgresError) in try row.string(0) }
                let expected = names.filter { name in list.contains { $0.matches(name) } }.sorted()
                #expect(found == expected, "\(list.map(\.text))")
            }
        }
    }
}
