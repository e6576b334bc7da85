/// Jobs for a few threads, which are begun when there is something to do and end when there is not: how
/// many run, and what waits.
struct ThreadQueue<Job> {
    private let mostThreads: Int
    private(set) var threads = 0
    private var waiting: [Job] = []

    init(mostThreads: Int) {
        self.mostThreads = mostThreads
    }

    /// - Returns: Whether to begin a thread, which then takes jobs until there are none.
    mutating func add(_ job: Job) -> Bool {
        waiting.append(job)
        guard threads < mostThreads else { return false }
        threads += 1
        return true
    }

    /// - Returns: Nil when the thread that asks is to end.
    mutating func next() -> Job? {
        guard waiting.isEmpty else { return waiting.removeFirst() }
        threads -= 1
        return nil
    }

    /// One could not be begun.
    mutating func threadFailed() {
        threads -= 1
    }
}
