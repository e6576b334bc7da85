import Telemetry

/// Bytes of history that a node holds for its subscribers, besides a message for each: what was read for
/// one and waits for its peer, for as long as that takes.
///
/// Nobody waits for room here, since it may never come: whoever finds none reads a message at a time.
/// A page may have a part of what is free, so however many hold theirs for good, there is some for
/// whoever comes next.
final class HistoryRoom: Sendable {
    /// Of what is free, a page may have the nth part.
    private static let part = 8

    private let free: Lock<Int>

    init(bytes: Int) { free = Lock(bytes) }

    var freeBytes: Int { free.withLock { $0 } }

    /// Room for a page, up to what it may come to.
    ///
    /// - Returns: Nil when there is less than `least`.
    func take(_ least: Int, upTo most: Int) -> Share? {
        let bytes = free.withLock { free -> Int? in
            let bytes = min(most, free / Self.part)
            guard bytes >= least else { return nil }
            free -= bytes
            return bytes
        }
        return bytes.map { Share(of: self, $0) }
    }

    /// A page's room, which is free again when nobody holds this.
    final class Share: Sendable {
        private let room: HistoryRoom
        private let held: Lock<Int>

        fileprivate init(of room: HistoryRoom, _ bytes: Int) {
            self.room = room
            held = Lock(bytes)
        }

        deinit {
            let bytes = held.withLock { $0 }
            room.free.withLock { $0 += bytes }
        }

        var bytes: Int { held.withLock { $0 } }

        /// What it came to, which may be more than was thought.
        func settle(_ bytes: Int) {
            let rest = held.withLock { held in
                defer { held = bytes }
                return held - bytes
            }
            room.free.withLock { $0 += rest }
        }
    }
}
