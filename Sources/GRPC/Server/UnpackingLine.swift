import Compression
import IO

/// Unpacks the compressed messages of one loop's calls, one after the other, and so much of them in
/// a turn of the loop: what a bomb takes, it takes from other bombs, and not from the calls beside
/// them. Connections have their messages unpacked in turn: many of one make the others wait for one.
/// On its loop's thread alone.
final class UnpackingLine: TurnEndHandler {
    private let loop: IOLoop
    /// Whose turn it is next, and after it: each connection that has messages waiting, once.
    private var line = Queue<ObjectIdentifier>()
    private var waiting: [ObjectIdentifier: Queue<Unpacking>] = [:]
    /// With its inflater.
    private var current: Unpacking?
    private var workLeft = UnpackingLine.workPerTurn
    private var awaitsTurnEnd = false
    private lazy var zlib = Inflater(.zlib)
    private lazy var gzip = Inflater(.gzip)

    /// In bytes of contents; a fraction of a millisecond.
    private static let workPerTurn = 64 * 1_024

    init(_ loop: IOLoop) { self.loop = loop }

    /// Unpacks it now when nobody is before it and the turn has work left, else soon.
    ///
    /// - Parameter connection: Which it came on.
    func add(_ message: Unpacking, of connection: ObjectIdentifier) {
        let isAlone = current == nil && line.isEmpty
        if waiting[connection] == nil { line.append(connection) }
        waiting[connection, default: Queue()].append(message)
        if isAlone { proceed { _ in } }
        awaitTurnEnd()
    }

    func turnEnded() {
        awaitsTurnEnd = false
        workLeft = Self.workPerTurn
        proceed { $0.tellReader() }
        if workLeft < Self.workPerTurn { awaitTurnEnd() }
    }

    private func awaitTurnEnd() {
        guard !awaitsTurnEnd else { return }
        awaitsTurnEnd = true
        loop.atTurnEnd(self)
    }

    private func proceed(_ isDone: (Unpacking) -> Void) {
        while workLeft > 0, let message = current ?? next() {
            unpack(message)
            guard message.outcome != nil else { return }
            current = nil
            isDone(message)
        }
    }

    /// As far as this turn's work goes.
    private func unpack(_ message: Unpacking) {
        let inflater = message.format == .zlib ? zlib : gzip
        guard message.outcome == nil else { return inflater.forget() }
        if current == nil {
            current = message
            inflater.begin(message.packed, maxBytes: message.maxMessageBytes)
        }
        do throws(CompressionError) {
            guard let contents = try inflater.proceed(&workLeft) else { return }
            message.end(.success(contents))
        } catch {
            message.end(
                .failure(CompressionAlgorithm.status(of: error, message.maxMessageBytes)))
        }
    }

    /// The first of the connection whose turn it is; its next one waits for all the others.
    private func next() -> Unpacking? {
        guard let connection = line.popFirst() else { return nil }
        let message = waiting[connection]?.popFirst()
        if waiting[connection]?.isEmpty == false {
            line.append(connection)
        } else {
            waiting[connection] = nil
        }
        return message
    }
}

/// First in, first out; constant time, all in all.
private struct Queue<Element> {
    private var elements: ContiguousArray<Element?> = []
    /// Before it all are gone.
    private var start = 0

    var isEmpty: Bool { start == elements.count }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func popFirst() -> Element? {
        guard !isEmpty else { return nil }
        let element = elements[start].take()
        start += 1
        if isEmpty || start >= 64 {
            elements.removeFirst(start)
            start = 0
        }
        return element
    }
}
