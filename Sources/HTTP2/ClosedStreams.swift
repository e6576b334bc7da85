/// What a server remembers of streams that are no more, so that frames on them are answered as
/// RFC 9113 §5.1 and §5.1.1 demand; the library forgets them and would ignore the frames.
///
/// Only streams that their client ended, reset or skipped are held, since it may send nothing there
/// any more: what crosses a reset of ours has a right to be ignored. The newest few are enough,
/// because what comes late is ignored, as the library does.
struct ClosedStreams {
    /// As many as one comparison takes.
    private var recent = SIMD16<Int32>(repeating: 0)
    private var next = 0
    private var newest: Int32 = 0
    /// Streams beyond are open or idle: those of most frames, which need not be searched for.
    private var highestClosed: Int32 = 0
    /// Numbers that the newest of all gaps left out.
    private var skipped: ClosedRange<Int32> = 0...0

    /// HEADERS begin on that stream.
    ///
    /// - Returns: The connection's error, if that can't be.
    mutating func headersBegin(_ id: Int32) -> HTTP2ErrorCode? {
        guard id > newest else { return dataBegins(id) }
        if id - newest > 2 {
            skipped = newest + 1...id - 1
            highestClosed = id - 1
        }
        newest = id
        return nil
    }

    /// DATA begins on that stream.
    ///
    /// - Returns: The connection's error, if that can't be.
    func dataBegins(_ id: Int32) -> HTTP2ErrorCode? {
        guard id > 0, id <= highestClosed else { return nil }
        if any(recent .== id) { return .streamClosed }
        return skipped.contains(id) ? .protocolError : nil
    }

    /// The client has ended or reset that stream, and it is gone.
    mutating func closed(_ id: Int32) {
        highestClosed = max(highestClosed, id)
        recent[next] = id
        next = (next + 1) % recent.scalarCount
    }
}
