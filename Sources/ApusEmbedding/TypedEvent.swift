public import Events
public import Protobuf

/// An event, and its payload as the generated type that it is.
///
/// What the log says of it can be asked directly: `event.position`, `event.tenant`, `event.metadata`.
@dynamicMemberLookup
public struct TypedEvent<Payload: Message>: Sendable {
    public let payload: Payload
    /// As the log has it.
    public let recorded: RecordedEvent

    public subscript<Value>(dynamicMember path: KeyPath<RecordedEvent, Value>) -> Value {
        recorded[keyPath: path]
    }
}
