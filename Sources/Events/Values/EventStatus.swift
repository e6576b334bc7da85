/// How far the handlers are with an event. Raw values are those of `apus.v1.EventStatus`.
public enum EventStatus: Int, Sendable, Hashable, CaseIterable {
    case pending = 1
    case processing = 2
    case processed = 3
    case failed = 4
}
