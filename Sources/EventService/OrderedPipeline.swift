/// Works on several elements of a stream at once and delivers the results in the stream's order.
///
/// Three things go on side by side: reading the next element, the work on those already read, and
/// delivering the oldest result. No more than `width` elements are between being read and being
/// delivered, so a peer that does not take its answers is not read from either.
///
/// Elements are prepared one at a time, and work on them starts in their order: all children share
/// the caller's executor, which runs them first come, first served.
struct OrderedPipeline {
    private enum Step<Prepared: Sendable, Product: Sendable>: Sendable {
        case read(Prepared?)
        case failed(any Error)
        case finished(Int, Product)
    }

    /// Most elements in work at once.
    let width: Int

    /// Runs until the elements end or something throws. What was read before reading or preparing
    /// failed is still delivered; when work or delivering fails, all that is in work is cancelled.
    func run<Elements: AsyncSequence & Sendable, Prepared: Sendable, Product: Sendable>(
        _ elements: Elements,
        prepare: @escaping @Sendable (Elements.Element) async throws -> Prepared,
        work: @escaping @Sendable (Prepared) async throws -> Product,
        deliver: (Product) async throws -> Void
    ) async throws where Elements.Element: Sendable {
        try await withThrowingTaskGroup(of: Step<Prepared, Product>.self) { group in
            var started = 0
            var delivered = 0
            var isReading = true
            var isAtEnd = false
            var failure: (any Error)?
            var finished: [Int: Product] = [:]
            func read() {
                isReading = true
                group.addTask {
                    do {
                        var iterator = elements.makeAsyncIterator()
                        guard let element = try await iterator.next() else { return .read(nil) }
                        return .read(try await prepare(element))
                    } catch {
                        return .failed(error)
                    }
                }
            }
            read()
            while let step = try await group.next() {
                switch step {
                case .read(let prepared?):
                    isReading = false
                    let index = started
                    started += 1
                    group.addTask { .finished(index, try await work(prepared)) }
                case .read(nil):
                    isReading = false
                    isAtEnd = true
                case .failed(let error):
                    isReading = false
                    isAtEnd = true
                    failure = error
                case .finished(let index, let product):
                    finished[index] = product
                }
                while let product = finished.removeValue(forKey: delivered) {
                    try await deliver(product)
                    delivered += 1
                }
                if !isReading, !isAtEnd, started - delivered < width { read() }
            }
            if let failure { throw failure }
        }
    }
}
