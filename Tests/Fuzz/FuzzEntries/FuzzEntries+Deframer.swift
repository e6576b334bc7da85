import GRPC

extension FuzzEntries {
    /// The same bytes in one piece and in many give the same messages, or the same error.
    public static func deframer(_ input: [UInt8]) {
        guard let piece = input.first else { return }
        let bytes = Array(input.dropFirst())
        let whole = frames(bytes, pieces: bytes.count)
        let parts = frames(bytes, pieces: Int(piece) + 1)
        promise(whole.messages == parts.messages, "messages depend on how the bytes were cut")
        promise(whole.failure == parts.failure, "errors depend on how the bytes were cut")
        let content = whole.messages.reduce(0) { $0 + $1.bytes.count + 5 }
        promise(content <= bytes.count, "more was read than there was")
    }

    private static func frames(
        _ bytes: [UInt8], pieces: Int
    ) -> (messages: [FramedMessage], failure: MessageDeframer.Failure?) {
        var deframer = MessageDeframer(maxMessageBytes: 1 << 20)
        deframer.allowsCompression = bytes.count % 2 == 0
        var messages: [FramedMessage] = []
        var start = 0
        while start < bytes.count {
            let end = min(start + max(pieces, 1), bytes.count)
            do throws(MessageDeframer.Failure) {
                let piece = Array(bytes[start..<end])
                try deframer.read(piece.span) { messages.append($0) }
            } catch {
                return (messages, error)
            }
            start = end
        }
        return (messages, nil)
    }
}
