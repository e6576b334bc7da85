/// Messages that wait for their reader, in order. One message, the usual case, costs no allocation.
struct MessageQueue {
    private var first: FramedMessage?
    private var rest: ContiguousArray<FramedMessage> = []
    private var restStart = 0

    /// What a message takes besides its bytes: a place here, the array's own block and its rounding.
    private static let messageOverhead = 64

    /// Of the messages alone.
    private var bytes = 0

    /// Memory of what waits. The first needs no place.
    var heldBytes: Int { bytes + (rest.count - restStart) * Self.messageOverhead }

    var isEmpty: Bool { first == nil }

    mutating func append(_ message: FramedMessage) {
        bytes += message.bytes.count
        if first == nil { first = message } else { rest.append(message) }
    }

    mutating func popFirst() -> FramedMessage? {
        guard let message = first.take() else { return nil }
        bytes -= message.bytes.count
        guard restStart < rest.count else { return message }
        first = rest[restStart]
        rest[restStart].bytes = []
        restStart += 1
        if restStart == rest.count || restStart >= 64 {
            rest.removeFirst(restStart)
            restStart = 0
        }
        return message
    }

    mutating func removeAll() {
        self = MessageQueue()
    }
}
