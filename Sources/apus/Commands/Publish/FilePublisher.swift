import EventProtos
import GRPC
import IO
import Telemetry

/// Publishes lines over one stream, many a request, several requests under way.
struct FilePublisher: Sendable {
    /// What became of the lines.
    struct Summary: Sendable {
        var stored = 0
        var duplicates = 0
        var failed = 0
        var lastPosition: UInt64 = 0

        var text: String {
            "\(EventText.count(stored, "event")) stored, \(duplicates) were stored before, \(failed) refused"
                + (lastPosition == 0 ? "" : "; last position \(lastPosition)")
        }

        var json: String {
            #"{"stored":\#(stored),"duplicates":\#(duplicates),"failed":\#(failed)"#
                + #","lastPosition":"\#(lastPosition)"}"#
        }
    }

    private static let eventsPerRequest = 500
    /// Of JSON, which is larger than what it becomes: far below what the server takes.
    private static let bytesPerRequest = 1 << 20

    let lines: LineReader
    let terminal: Terminal

    func run(
        _ apus: ApusV1.EventServiceClient, options: CallOptions
    ) async throws -> Summary {
        // Reading blocks: it gets a thread of its own.
        let reading = try IOLoop(name: "lines")
        defer { reading.stop() }
        let book = Lock(Book())
        return try await apus.publishStream(options: options) { requests, responses in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask(executorPreference: reading) {
                    try await send(to: requests, book: book)
                }
                group.addTask {
                    for try await response in responses { receive(response, book: book) }
                }
                // Whichever fails ends the other.
                for try await _ in group {}
                terminal.endProgress()
                return book.withLock { $0.summary }
            }
        }
    }

    private func receive(_ response: ApusV1.PublishResponse, book: Lock<Book>) {
        let lines = book.withLock { $0.waiting.removeFirst() }
        let summary = book.withLock { book in
            book.summary.count(response, lines: lines.count)
            return book.summary
        }
        report(response, lines: lines)
        terminal.progress(summary.text)
    }

    private struct Book {
        /// The lines of each request that waits for its answer.
        var waiting: [[Int]] = []
        var summary = Summary()
    }

    private func send(
        to requests: TypedRequestWriter<ApusV1.PublishRequest>, book: Lock<Book>
    ) async throws {
        var lines = lines
        while let batch = try lines.nextLines() {
            var request = ApusV1.PublishRequest()
            request.allowPartial = true
            var numbers: [Int] = []
            var bytes = 0
            for line in batch {
                do {
                    guard let text = line.text else { throw CommandFailure("is not UTF-8") }
                    request.events.append(try EventLine.event(text, id: EventLine.newID))
                    numbers.append(line.number)
                    bytes += text.utf8.count
                } catch {
                    terminal.error("line \(line.number): \(describe(error))")
                    book.withLock { $0.summary.failed += 1 }
                }
                if request.events.count == Self.eventsPerRequest || bytes >= Self.bytesPerRequest {
                    bytes = 0
                    try await flush(&request, &numbers, to: requests, book: book)
                }
            }
            try await flush(&request, &numbers, to: requests, book: book)
        }
        try await requests.finish()
    }

    private func flush(
        _ request: inout ApusV1.PublishRequest, _ numbers: inout [Int],
        to requests: TypedRequestWriter<ApusV1.PublishRequest>, book: Lock<Book>
    ) async throws {
        guard !request.events.isEmpty else { return }
        let waiting = numbers
        book.withLock { $0.waiting.append(waiting) }
        try await requests.send(request)
        request.events = []
        numbers = []
    }

    private func report(_ response: ApusV1.PublishResponse, lines: [Int]) {
        if let error = response.error, error.code != 0 {
            terminal.error("lines \(lines[0])-\(lines[lines.count - 1]): \(error.message)")
        }
        for (line, result) in zip(lines, response.results) {
            if let error = result.error { terminal.error("line \(line): \(error.message)") }
        }
    }
}

extension FilePublisher.Summary {
    mutating func count(_ response: ApusV1.PublishResponse, lines: Int) {
        if response.error != nil {
            failed += lines
            return
        }
        for result in response.results {
            if result.error != nil {
                failed += 1
            } else {
                if result.duplicate { duplicates += 1 } else { stored += 1 }
                lastPosition = max(lastPosition, result.position)
            }
        }
    }
}
