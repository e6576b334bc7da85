/// Messages that wait for their reader, in order. One message, the usual case, costs no allocation.
struct MessageQueue {
    private var first: FramedMessage?
    private var rest: ContiguousArray<FramedMessage> = []
    private var restStart = 0

    /// What a message takes besides its bytes: a place here, the array's own block and its rounding.
    private static let messageOverhead = 64

    /// What waits takes besides its bytes, but for the first, which needs no place.
    var overheadBytes: Int { (rest.count - restStart) * Self.messageOverhead }

    var isEmpty: Bool { first == nil }

    mutating func append(_ message: FramedMessage) {
        if first == nil { first = message } else { rest.append(message) }
    }

    mutating func popFirst() -> FramedMessage? {
        guard let message = first.take() else { return nil }
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
