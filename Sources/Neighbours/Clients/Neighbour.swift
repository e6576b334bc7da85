/// The services of the platform that Apus calls.
public enum Neighbour: String, Sendable, Hashable, CaseIterable {
    /// Answers what users write.
    case mcpEngine = "mcp-engine"
    /// Knows who is who, and keeps who did what.
    case securityHub = "security-hub"

    /// As handlers' circuits, health and logs name it.
    public var name: String { rawValue }
}
