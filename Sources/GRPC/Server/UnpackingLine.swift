import Compression
import IO

/// Unpacks the compressed messages of one loop's calls, one after the other, and so much of them in
/// a turn of the loop: what a bomb takes, it takes from other bombs, and not from the calls beside
/// them. On its loop's thread alone.
final class UnpackingLine: TurnEndHandler {
    private let loop: IOLoop
    private var line: ContiguousArray<Unpacking> = []
    /// Before it all are done.
    private var start = 0
    /// The first in line is with its inflater.
    private var hasBegun = false
    private var workLeft = UnpackingLine.workPerTurn
    private var awaitsTurnEnd = false
    private lazy var zlib = Inflater(.zlib)
    private lazy var gzip = Inflater(.gzip)

    /// In bytes of contents; a fraction of a millisecond.
    private static let workPerTurn = 64 * 1_024

    init(_ loop: IOLoop) { self.loop = loop }

    /// Unpacks it now when nobody is before it and the turn has work left, else soon.
    func add(_ message: Unpacking) {
        line.append(message)
        if line.count - start == 1 { proceed { _ in } }
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
        while workLeft > 0, start < line.count {
            let message = line[start]
            unpack(message)
            guard message.outcome != nil else { return }
            next()
            isDone(message)
        }
    }

    /// As far as this turn's work goes.
    private func unpack(_ message: Unpacking) {
        let inflater = message.format == .zlib ? zlib : gzip
        guard message.outcome == nil else { return inflater.forget() }
        if !hasBegun {
            hasBegun = true
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

    private func next() {
        hasBegun = false
        start += 1
        guard start == line.count || start >= 64 else { return }
        line.removeFirst(start)
        start = 0
    }
}
