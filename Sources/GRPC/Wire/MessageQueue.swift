/// Messages that wait for their reader, in order. One message, the usual case, costs no allocation.
struct MessageQueue {
    private var first: [UInt8]?
    private var rest: ContiguousArray<[UInt8]> = []
    private var restStart = 0

    var isEmpty: Bool { first == nil }

    mutating func append(_ message: [UInt8]) {
        if first == nil { first = message } else { rest.append(message) }
    }

    mutating func popFirst() -> [UInt8]? {
        guard let message = first.take() else { return nil }
        guard restStart < rest.count else { return message }
        first = rest[restStart]
        rest[restStart] = []
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
