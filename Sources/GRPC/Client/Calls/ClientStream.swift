import HTTP2

/// One attempt of a call: the stream it runs on. On the loop's thread alone.
///
/// A call that is made again lets go of its stream, which then ends for itself.
final class ClientStream: HTTP2Stream {
    private var call: OutgoingCall?
    private let connection: ClientConnection
    private var head = ResponseHead()
    private var deframer: MessageDeframer
    private var isEndedEarly = false

    init(_ call: OutgoingCall, _ connection: ClientConnection, maxMessageBytes: Int) {
        self.call = call
        self.connection = connection
        deframer = MessageDeframer(maxMessageBytes: maxMessageBytes)
    }

    func send(_ message: FramedMessage) {
        send(message.bytes, head: message.head)
    }

    /// Tells the server that the stream is of no use any more, once.
    func end(early code: HTTP2ErrorCode) {
        guard !isEndedEarly else { return }
        isEndedEarly = true
        dropUnsent()
        reset(code)
    }

    /// Nobody wants to hear of it any more.
    func abandon() {
        call = nil
        if !remoteEnded { end(early: .cancel) }
        consume(unconsumed)
    }

    // MARK: From the server

    override func received(header name: Span<UInt8>, _ value: Span<UInt8>) {
        head.receive(name, value)
    }

    override func receivedHeaders(trailers: Bool) {
        let head = head
        self.head = ResponseHead()
        if let encoding = head.encoding, encoding != .identity {
            deframer.allowsCompression = true
        }
        call?.received(head, tooLarge: headersTooLarge)
    }

    override func received(data: Span<UInt8>) {
        guard let call else { return consume(unconsumed) }
        do throws(MessageDeframer.Failure) {
            try deframer.read(data) { call.received($0) }
            call.receivedData()
        } catch {
            call.giveUp(error.rpcError)
        }
        if !isClosed { giveWindowBack() }
    }

    override func receivedEnd() {
        call?.receivedEnd(midMessage: deframer.isMidMessage)
    }

    override func closed(_ code: HTTP2ErrorCode) {
        let call = call
        self.call = nil
        let reach: RetryState.Reach =
            switch code {
            case .refusedStream where requestLeft: .refused
            case .refusedStream: .here
            case .connectionLost where !requestLeft: .here
            default: .server
            }
        call?.closed(code, reach: reach, on: connection)
        connection.streamEnded()
    }

    override func sent(bytesLeft: Int) {
        call?.sent(bytesLeft: bytesLeft)
    }

    /// Window comes back for what the reader has pulled, and for the message that is arriving when
    /// there is nothing else to pull: it could never be complete otherwise.
    func giveWindowBack(pulled: Int = 0) {
        if call?.needsWindow ?? true {
            consume(unconsumed)
        } else if pulled > 0 {
            consume(min(unconsumed, pulled))
        }
    }
}
