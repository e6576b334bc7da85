import EventProtos
import Protobuf

/// `--from`: where a reader or a group begins.
enum StartFlag {
    enum Start: Sendable {
        case beginning
        case end
        /// The first one wanted.
        case position(UInt64)
        case since(GoogleProtobuf.Timestamp)
    }

    /// - Returns: Nil when the flag is not given.
    static func start(_ arguments: ParsedArguments) throws(UsageError) -> Start? {
        guard let text = arguments.string("from") else { return nil }
        if text == "beginning" { return .beginning }
        if text == "end" { return .end }
        if let position = UInt64(text) { return .position(position) }
        guard let moment = try? FilterFlags.time("from", arguments) else {
            throw UsageError(
                "--from must be beginning, end, a position, or a moment such as"
                    + " 2026-01-31T12:00:00Z")
        }
        return .since(moment)
    }
}

extension StartFlag.Start {
    /// The position right before a first one.
    fileprivate static func before(_ position: UInt64) -> UInt64 {
        position > 0 ? position - 1 : 0
    }

    var ofSubscription: ApusV1.SubscribeRequest.Start {
        switch self {
        case .beginning: .beginning(GoogleProtobuf.Empty())
        case .end: .end(GoogleProtobuf.Empty())
        case .position(let position): .afterPosition(Self.before(position))
        case .since(let moment): .since(moment)
        }
    }

    var ofGroup: ApusV1.Group.Start {
        switch self {
        case .beginning: .beginning(GoogleProtobuf.Empty())
        case .end: .end(GoogleProtobuf.Empty())
        case .position(let position): .afterPosition(Self.before(position))
        case .since(let moment): .since(moment)
        }
    }

    var ofReset: ApusV1.ResetGroupRequest.Start {
        switch self {
        case .beginning: .beginning(GoogleProtobuf.Empty())
        case .end: .end(GoogleProtobuf.Empty())
        case .position(let position): .afterPosition(Self.before(position))
        case .since(let moment): .since(moment)
        }
    }
}
