import HTTP2

/// What one call's requests have in the books of its connection besides the bytes whose window is
/// still used. On its loop's thread alone.
struct CallBooks {
    private let books: ConnectionBooks
    private var arriving = 0
    private var waiting = 0
    private var given = 0

    init(_ books: ConnectionBooks) { self.books = books }

    /// - Parameter bytes: Memory of the message that is arriving: its window is given back before it
    ///   is a message.
    /// - Returns: Whether that is more than before.
    mutating func setArriving(_ bytes: Int) -> Bool { Self.set(&arriving, to: bytes, in: books) }

    /// - Parameters:
    ///   - bytes: Memory of what waits to be pulled. Tiny messages take ten times their bytes, and of
    ///     a large one the window was given back while it came.
    ///   - unconsumed: Of it so much is in the books already.
    /// - Returns: Whether that is more than before.
    mutating func setWaiting(_ bytes: Int, unconsumed: Int) -> Bool {
        Self.set(&waiting, to: max(0, bytes - unconsumed), in: books)
    }

    /// - Parameter bytes: Memory of the request that the handler pulled last, beyond what it was
    ///   started with.
    mutating func setGiven(_ bytes: Int) { _ = Self.set(&given, to: bytes, in: books) }

    private static func set(_ part: inout Int, to bytes: Int, in books: ConnectionBooks) -> Bool {
        guard bytes != part else { return false }
        let isMore = bytes > part
        books.addReceived(bytes - part)
        part = bytes
        return isMore
    }
}
