/// The messages that a call has sent so far, to be sent again. One message, the usual case, costs no
/// allocation.
struct ReplayBuffer {
    private var first: FramedMessage?
    private var rest: ContiguousArray<FramedMessage> = []
    private(set) var bytes = 0

    mutating func append(_ message: FramedMessage) {
        bytes += message.bytes.count
        if first == nil { first = message } else { rest.append(message) }
    }

    func visit(_ body: (FramedMessage) -> Void) {
        guard let first else { return }
        body(first)
        for message in rest { body(message) }
    }

    mutating func removeAll() {
        self = ReplayBuffer()
    }
}
