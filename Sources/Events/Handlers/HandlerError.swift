/// What a handler throws when it knows what its failure means. Any other error is permanent.
///
/// The text is for the operator's log; tenants see a class and a reference (``FailureReport``).
public struct HandlerError: Error, Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// It may go well another time: it is tried again by the handler's ``RetryPolicy``.
        case transient
        /// It would fail again: the event becomes a dead letter.
        case permanent
        /// The target does not let us in: its circuit opens at once. Tried again as a transient one.
        case refused
    }

    public let kind: Kind
    public let text: String
    /// Not to be tried again earlier; nil: as the policy says.
    public let retryAfter: Duration?
    /// What it failed on, as "mcp-engine" or "host:port"; nil: the handler itself. Each has a
    /// circuit of its own. Of a permanent one it is what answered so, which closes its circuit; nil:
    /// nothing was asked.
    public let target: String?

    private init(_ kind: Kind, _ text: String, retryAfter: Duration?, target: String?) {
        self.kind = kind
        self.text = text
        self.retryAfter = retryAfter
        self.target = target
    }

    public static func transient(
        _ text: String, retryAfter: Duration? = nil, target: String? = nil
    ) -> HandlerError {
        HandlerError(.transient, text, retryAfter: retryAfter, target: target)
    }

    public static func permanent(_ text: String, target: String? = nil) -> HandlerError {
        HandlerError(.permanent, text, retryAfter: nil, target: target)
    }

    public static func refused(_ text: String, target: String) -> HandlerError {
        HandlerError(.refused, text, retryAfter: nil, target: target)
    }

    /// What tenants are told of it.
    var reportClass: FailureReport.Class {
        switch kind {
        case .transient: .temporary
        case .permanent: .handlerFailed
        case .refused: .refused
        }
    }

    var mayBeRetried: Bool { kind != .permanent }
}
