import Testing

@testable import Configuration

@Suite struct YamlTreeTests {
    @Test func `every key and every value knows its line and column`() throws {
        let text = "a:\n  b: [x, 'y']\n\n# comment\n  ü: \"z\"\n"
        let (root, _) = try YamlTree.read(Array(text.utf8))
        guard case .mapping(let members) = root.content,
            case .mapping(let inner) = members[0].value.content,
            case .list(let elements) = inner[0].value.content
        else {
            Issue.record("\(root)")
            return
        }
        #expect(members[0].place == ConfigurationPlace(line: 1, column: 1))
        #expect(inner.map(\.key) == ["b", "ü"])
        #expect(inner[1].place == ConfigurationPlace(line: 5, column: 3))
        #expect(inner[1].value.place == ConfigurationPlace(line: 5, column: 6))
        #expect(elements.map(\.place.column) == [7, 10])
        #expect(
            elements.map(\.content) == [
                .scalar("x", isPlain: true), .scalar("y", isPlain: false),
            ])
    }

    @Test(arguments: [
        ("a: &x 1", "anchors, aliases and tags are not supported"),
        ("a: *x", "anchors, aliases and tags are not supported"),
        ("a: !!str 1", "anchors, aliases and tags are not supported"),
        ("a: !x {}", "anchors, aliases and tags are not supported"),
        ("a: &x [1]", "anchors, aliases and tags are not supported"),
        ("&x a: 1", "a key must be a plain text"),
        ("[a]: 1", "a key must be a plain text"),
        ("a: 1\n---\nb: 2", "must be one document"),
        ("a: [1", "is no YAML: did not find expected ',' or ']'"),
        ("a: 1\n b: 2", "is no YAML: mapping values are not allowed in this context"),
        ("a:\n\t- b", "is no YAML: found character that cannot start any token"),
        ("a: \u{1}", "is no YAML: control characters are not allowed"),
    ])
    func `what is not understood is refused`(_ text: String, _ message: String) {
        #expect(Self.fault(Array(text.utf8)) == message)
    }

    @Test func `a text that is no UTF-8 is refused`() {
        #expect(Self.fault([0x61, 0x3A, 0xFF]) == "is no YAML: invalid leading UTF-8 octet")
        #expect(Self.fault([0xFF, 0xFE, 0x61, 0x00])?.hasPrefix("is no YAML") == true)
    }

    @Test func `aliases that multiply are refused before they are followed`() {
        var text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
        for (name, previous) in zip("bcdefghi", "abcdefgh") {
            let list = Array(repeating: "*\(previous)", count: 9).joined(separator: ", ")
            text += "\(name): &\(name) [\(list)]\n"
        }
        #expect(Self.fault(Array(text.utf8)) == "anchors, aliases and tags are not supported")
    }

    @Test func `size, depth and count have limits, and what is within them passes`() throws {
        let limits = YamlTree.Limits(maxBytes: 20, maxDepth: 3, maxNodes: 6)
        func fault(_ text: String) -> String? { Self.fault(Array(text.utf8), limits) }
        #expect(fault("a: \(String(repeating: "x", count: 17))") == nil)
        #expect(fault("a: \(String(repeating: "x", count: 18))") == "has more than 20 bytes")
        #expect(fault("[[1]]") == nil)
        #expect(fault("[[[1]]]") == "is nested more than 3 deep")
        #expect(fault("[1,2,3,4,5]") == nil)
        #expect(fault("{a: 1, b: 2, c: 3}") == "has more than 6 keys and values")
        let brackets = [UInt8](repeating: UInt8(ascii: "["), count: 1 << 20)
        #expect(Self.fault(brackets) == "is nested more than 16 deep")
    }

    private static func fault(
        _ text: [UInt8], _ limits: YamlTree.Limits = YamlTree.Limits()
    ) -> String? {
        do throws(YamlFault) {
            _ = try YamlTree.read(text, limits: limits)
            return nil
        } catch {
            return error.message
        }
    }
}
