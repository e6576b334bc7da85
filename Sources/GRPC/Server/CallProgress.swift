/// Whether a call's peer moves on, looked at every `progressInterval`, as decisions.
///
/// What was waited for at the last look and is still waited for must have moved by `minimum` bytes
/// in between.
struct CallProgress {
    private var received = 0
    private var sent = 0
    private var awaitedRequest = false
    private var awaitedRoom = false

    enum Verdict: Equatable { case fine, slowRequest, slowResponse }

    /// - Parameters:
    ///   - minimum: Bytes.
    ///   - request: A message, or the whole of a unary request, is missing, and it isn't us who
    ///     hold it back.
    ///   - room: An answer that won't grow any more waits for the peer to make room. Never so for a
    ///     stream that its handler still feeds: it may be a slow subscriber's, which is never
    ///     dropped, and what it holds is bounded.
    mutating func look(
        minimum: Int, awaitsRequest request: Bool, received: Int, awaitsRoom room: Bool, sent: Int
    ) -> Verdict {
        defer {
            awaitedRequest = request
            awaitedRoom = room
            self.received = received
            self.sent = sent
        }
        if request && awaitedRequest && received - self.received < minimum { return .slowRequest }
        if room && awaitedRoom && sent - self.sent < minimum { return .slowResponse }
        return .fine
    }
}
