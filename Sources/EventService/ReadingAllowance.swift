import Events
import Telemetry

/// Bytes that calls may have read from the log and not made into answers yet, over all of them: a
/// crowd that asks for large pages waits in line, where it holds no more than its requests.
///
/// Each call says beforehand what it may come to. Whoever is first in line is let in first, so that
/// many small ones don't keep a large one out.
final class ReadingAllowance: ReadingRoom {
    private typealias Waiter = (bytes: Int, continuation: UnsafeContinuation<Void, any Error>)

    private struct Line {
        var free: Int
        var nextTicket: UInt64 = 0
        /// By ticket; who gave up is missing.
        var waiting: [UInt64: Waiter] = [:]
        /// Tickets in order, of which those before `start` are through.
        var tickets: ContiguousArray<UInt64> = []
        var start = 0
    }

    private let line: Lock<Line>
    private let maxBytes: Int

    init(maxBytes: Int) {
        self.maxBytes = maxBytes
        line = Lock(Line(free: maxBytes))
    }

    /// How many wait.
    var waitingCount: Int { line.withLock { $0.waiting.count } }

    /// Runs the body once there is room for what it reads.
    ///
    /// - Parameter bytes: At most; more than there can ever be counts as all of it.
    /// - Throws: `CancellationError`, what the body throws.
    func reading<Result>(
        _ bytes: Int, _ body: () async throws -> Result
    ) async throws -> Result {
        let bytes = min(bytes, maxBytes)
        try await enter(bytes)
        defer { leave(bytes) }
        return try await body()
    }

    private func enter(_ bytes: Int) async throws {
        let ticket = line.withLock { line -> UInt64? in
            if line.waiting.isEmpty, line.free >= bytes {
                line.free -= bytes
                return nil
            }
            line.nextTicket += 1
            return line.nextTicket
        }
        guard let ticket else { return }
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                let isCancelled = line.withLock { line in
                    // A cancellation that comes later finds the ticket.
                    if Task.isCancelled { return true }
                    line.waiting[ticket] = (bytes, continuation)
                    line.tickets.append(ticket)
                    return false
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
                // Somebody may have left in between.
                letIn()
            }
        } onCancel: {
            let waiter = line.withLock { $0.waiting.removeValue(forKey: ticket) }
            waiter?.continuation.resume(throwing: CancellationError())
            letIn()
        }
    }

    private func leave(_ bytes: Int) {
        line.withLock { $0.free += bytes }
        letIn()
    }

    private func letIn() {
        let welcome = line.withLock { line in
            var welcome: [Waiter] = []
            while line.start < line.tickets.count {
                let ticket = line.tickets[line.start]
                if let waiter = line.waiting[ticket] {
                    guard waiter.bytes <= line.free else { break }
                    line.free -= waiter.bytes
                    line.waiting[ticket] = nil
                    welcome.append(waiter)
                }
                line.start += 1
            }
            if line.start == line.tickets.count || line.start >= 64 {
                line.tickets.removeFirst(line.start)
                line.start = 0
            }
            return welcome
        }
        for waiter in welcome { waiter.continuation.resume() }
    }
}
