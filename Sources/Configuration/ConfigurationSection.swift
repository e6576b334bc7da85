/// The keys of one mapping, while they are read.
///
/// What is wrong is noted, not thrown: whoever reads goes on without the value, so that all faults of
/// a file are told at once. A key that nobody asked for is a fault too, so every key is asked for, also
/// where another makes it meaningless.
///
/// ```swift
/// let limit = section.duration("timeLimit", in: .milliseconds(1) ... .seconds(60)) ?? .seconds(30)
/// let retry = section.section("retry", RetryOptions.init)
/// ```
public final class ConfigurationSection {
    /// Keys and indices from the file's root.
    public let path: String
    let faults: FaultList
    private let place: ConfigurationPlace
    private let members: [ConfigurationNode.Member]
    /// In the order in which they were first asked for.
    private var known: [String] = []

    /// Nil, and a fault, when the node is no mapping.
    ///
    /// - Parameter isOptional: Nothing counts as an empty one.
    init?(
        _ node: ConfigurationNode, path: String, isOptional: Bool = false, faults: FaultList
    ) {
        self.path = path
        self.faults = faults
        place = node.place
        switch node.content {
        case .mapping(let members): self.members = members
        case .nothing where isOptional: members = []
        default:
            members = []
            let hint = node.content == .nothing ? ", {} when there are none" : ""
            faults.add(path, node.place, "must be a mapping of keys to values\(hint)")
            return nil
        }
    }

    /// The keys in their order, for mappings whose keys are names; none of them is unknown then.
    public var names: [String] {
        known += members.map(\.key)
        return members.map(\.key)
    }

    /// What the key says, nil when it isn't there or nothing stands behind it.
    public func node(_ key: String) -> ConfigurationNode? {
        guard let member = member(key), member.value.content != .nothing else { return nil }
        return member.value
    }

    public func has(_ key: String) -> Bool { node(key) != nil }

    /// Notes which of these keys are missing.
    ///
    /// - Returns: Whether none is.
    @discardableResult
    public func require(_ keys: String...) -> Bool {
        let missing = keys.filter { member($0) == nil }
        for key in missing { faults.add(pathOf(key), place, "is missing") }
        return missing.isEmpty
    }

    /// Notes when none of the keys is there, under the first.
    public func requireAny(of keys: String...) {
        guard !keys.isEmpty, keys.allSatisfy({ member($0) == nil }) else { return }
        let others = keys.dropFirst().map { ", and so is \($0)" }.joined()
        faults.add(pathOf(keys[0]), place, "is missing\(others)")
    }

    /// Notes that a rule of the caller's is broken.
    ///
    /// - Parameters:
    ///   - key: Nil: the section as a whole is wrong.
    ///   - message: What would be right, without the value.
    public func refuse(_ key: String?, _ message: String) {
        guard let key, let member = member(key) else {
            return faults.add(key.map(pathOf) ?? path, place, message)
        }
        faults.add(pathOf(key), member.value.place, message)
    }

    // MARK: Sections below

    /// The mapping behind the key. Nothing behind it is a fault: whoever commented out what stood there may
    /// not have meant to switch off what the key is for.
    ///
    /// - Returns: What `read` made of it; nil when there is no such key.
    public func section<Value>(
        _ key: String, _ read: (ConfigurationSection) -> Value?
    ) -> Value? {
        member(key).flatMap { Self.read($0.value, pathOf(key), faults, read) }
    }

    /// A list of mappings behind the key.
    public func sections<Value>(
        _ key: String, atMost limit: Int = 1_000, _ read: (ConfigurationSection) -> Value?
    ) -> [Value]? {
        elements(key, 0...limit)?.enumerated().compactMap { index, node in
            Self.read(node, "\(pathOf(key))[\(index)]", faults, read)
        }
    }

    /// A mapping of names to mappings, in the order of the file. There may be none: a name without a
    /// mapping is there all the same, and so is the key.
    public func named<Value>(
        _ key: String, _ read: (_ name: String, _ section: ConfigurationSection) -> Value?
    ) -> [(name: String, value: Value)]? {
        guard let node = member(key)?.value else { return nil }
        return Self.read(node, pathOf(key), isOptional: true, faults) { section in
            section.names.compactMap { name in
                let node = section.member(name)?.value
                let value = node.flatMap { node in
                    Self.read(node, section.pathOf(name), isOptional: true, faults) {
                        read(name, $0)
                    }
                }
                return value.map { (name, $0) }
            }
        }
    }

    private static func read<Value>(
        _ node: ConfigurationNode, _ path: String, isOptional: Bool = false,
        _ faults: FaultList, _ read: (ConfigurationSection) -> Value?
    ) -> Value? {
        let made = ConfigurationSection(node, path: path, isOptional: isOptional, faults: faults)
        guard let section = made else { return nil }
        let value = read(section)
        section.end()
        return value
    }

    // MARK: For the other accessors

    func member(_ key: String) -> ConfigurationNode.Member? {
        if !known.contains(key) { known.append(key) }
        return members.first { $0.key == key }
    }

    func pathOf(_ key: String) -> String { ConfigurationPath.member(key, of: path) }

    /// The elements of a list behind the key. Nothing is no empty list, as in ``section(_:_:)``.
    func elements(_ key: String, _ counts: ClosedRange<Int>) -> [ConfigurationNode]? {
        guard let node = member(key)?.value else { return nil }
        guard case .list(let elements) = node.content, counts.contains(elements.count) else {
            faults.add(
                pathOf(key), node.place,
                "must be a list of \(counts.lowerBound) to \(counts.upperBound)")
            return nil
        }
        return elements
    }

    /// Whatever nobody asked for is unknown.
    func end() {
        for member in members where !known.contains(member.key) {
            let keys = known.isEmpty ? "" : "; there are \(known.joined(separator: ", "))"
            faults.add(pathOf(member.key), member.place, "is no key here\(keys)")
        }
    }
}
