/// What a registration waits for.
public struct Interest: OptionSet, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let read = Interest(rawValue: 1)
    public static let write = Interest(rawValue: 2)
}

/// What a descriptor is ready for. Level-triggered: it is told again until it is dealt with.
public struct Readiness: OptionSet, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Bytes can be read, or the end of them.
    public static let readable = Readiness(rawValue: 1)
    public static let writable = Readiness(rawValue: 2)
    /// Both directions are closed. Told whatever the interest.
    public static let hangup = Readiness(rawValue: 4)
    /// The descriptor has an error to fetch. Told whatever the interest.
    public static let error = Readiness(rawValue: 8)
}

/// Hears of a descriptor's readiness, on the loop's thread.
public protocol ReadinessHandler: AnyObject {
    func ready(_ readiness: Readiness)

    /// The loop ends, and tells nothing any more. Work that this queues never runs.
    func loopEnded()
}

extension ReadinessHandler {
    public func loopEnded() {}
}

/// Hears that the loop has run all that was ready, just before it waits again: the moment to write
/// what the turn produced, in one go.
public protocol TurnEndHandler: AnyObject {
    func turnEnded()
}
