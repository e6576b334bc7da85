/// A value of a configuration file, and where it begins.
public struct ConfigurationNode: Sendable, Hashable {
    public enum Content: Sendable, Hashable {
        /// Nothing behind the key, `~` or `null`.
        case nothing
        /// - Parameter isPlain: Without quotes, so that it may be a number or a yes or no.
        case scalar(String, isPlain: Bool)
        case list([ConfigurationNode])
        case mapping([Member])
    }

    public struct Member: Sendable, Hashable {
        /// Unique in its mapping.
        public let key: String
        /// Of the key.
        public let place: ConfigurationPlace
        public let value: ConfigurationNode

        public init(key: String, place: ConfigurationPlace, value: ConfigurationNode) {
            self.key = key
            self.place = place
            self.value = value
        }
    }

    public let content: Content
    public let place: ConfigurationPlace

    public init(_ content: Content, at place: ConfigurationPlace) {
        self.content = content
        self.place = place
    }
}
