/// What an event is about. Raw values are those of `apus.v1.EventKind`.
public enum EventKind: Int, Sendable, Hashable, CaseIterable {
    case domain = 1
    case system = 2
    case integration = 3
}
