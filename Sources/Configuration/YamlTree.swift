/// Makes a tree of a YAML text, within limits.
///
/// Aliases, anchors, tags and further documents are refused: no small file becomes a large tree, and
/// what a key says is where it stands.
struct YamlTree {
    struct Limits {
        var maxBytes = 1 << 20
        /// Of lists and mappings in one another.
        var maxDepth = 16
        /// Keys and values together.
        var maxNodes = 20_000
    }

    private let parser: YamlParser
    private let limits: Limits
    private var nodes = 0
    /// Duplicates of keys; the text is read on behind them.
    private var duplicates: [(key: String, place: ConfigurationPlace)] = []

    /// - Returns: The tree, and what is wrong besides.
    static func read(
        _ text: [UInt8], limits: Limits = Limits()
    ) throws(YamlFault) -> (
        root: ConfigurationNode, duplicates: [(key: String, place: ConfigurationPlace)]
    ) {
        guard text.count <= limits.maxBytes else {
            throw YamlFault(place: nil, message: "has more than \(limits.maxBytes) bytes")
        }
        var tree = YamlTree(parser: YamlParser(text), limits: limits)
        return (try tree.root(), tree.duplicates)
    }

    private init(parser: YamlParser, limits: Limits) {
        self.parser = parser
        self.limits = limits
    }

    private mutating func root() throws(YamlFault) -> ConfigurationNode {
        var root: ConfigurationNode?
        while true {
            let token = try parser.next()
            switch token.kind {
            case .streamEnd:
                let start = ConfigurationPlace(line: 1, column: 1)
                return root ?? ConfigurationNode(.nothing, at: start)
            case .documentStart:
                guard root == nil else {
                    throw YamlFault(place: token.place, message: "must be one document")
                }
                root = try node(try parser.next(), path: "", depth: 1)
            default: break
            }
        }
    }

    private mutating func node(
        _ token: YamlToken, path: String, depth: Int
    ) throws(YamlFault) -> ConfigurationNode {
        try count(token, depth: depth)
        switch token.kind {
        case .scalar(let text, let isPlain, false):
            let isNothing = isPlain && ["", "~", "null"].contains(text)
            return ConfigurationNode(
                isNothing ? .nothing : .scalar(text, isPlain: isPlain), at: token.place)
        case .listStart(isMarked: false):
            var elements: [ConfigurationNode] = []
            while true {
                let next = try parser.next()
                if next.kind == .end { break }
                let path = "\(path)[\(elements.count)]"
                elements.append(try node(next, path: path, depth: depth + 1))
            }
            return ConfigurationNode(.list(elements), at: token.place)
        case .mappingStart(isMarked: false):
            let members = try members(path: path, depth: depth)
            return ConfigurationNode(.mapping(members), at: token.place)
        default:
            throw YamlFault(
                place: token.place, message: "anchors, aliases and tags are not supported")
        }
    }

    private mutating func members(
        path: String, depth: Int
    ) throws(YamlFault) -> [ConfigurationNode.Member] {
        var members: [ConfigurationNode.Member] = []
        var keys: Set<String> = []
        while true {
            let token = try parser.next()
            if token.kind == .end { return members }
            try count(token, depth: depth)
            guard case .scalar(let key, _, isMarked: false) = token.kind else {
                throw YamlFault(place: token.place, message: "a key must be a plain text")
            }
            let memberPath = ConfigurationPath.member(key, of: path)
            let value = try node(try parser.next(), path: memberPath, depth: depth + 1)
            if keys.insert(key).inserted {
                members.append(.init(key: key, place: token.place, value: value))
            } else {
                duplicates.append((memberPath, token.place))
            }
        }
    }

    private mutating func count(_ token: YamlToken, depth: Int) throws(YamlFault) {
        nodes += 1
        guard nodes <= limits.maxNodes else {
            throw YamlFault(
                place: token.place, message: "has more than \(limits.maxNodes) keys and values")
        }
        guard depth <= limits.maxDepth else {
            throw YamlFault(
                place: token.place, message: "is nested more than \(limits.maxDepth) deep")
        }
    }
}

/// How faults name a key.
enum ConfigurationPath {
    static func member(_ key: String, of path: String) -> String {
        path.isEmpty ? shown(key) : "\(path).\(shown(key))"
    }

    /// A text that does not look like a key may be a value that lost its indentation: a secret.
    static func shown(_ key: String) -> String {
        let isName =
            (1...64).contains(key.utf8.count)
            && key.utf8.allSatisfy { character in
                switch character {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
        return isName ? key : "(a key)"
    }
}
