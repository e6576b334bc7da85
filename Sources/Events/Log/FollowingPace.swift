/// When work that follows the log takes its next page, so that it gives way to those who wait for an
/// answer: on a small machine a page of a thousand events holds up everybody by all that it takes.
///
/// Pages are small, and after each it rests. While a page and more is left, it works a quarter of the
/// time at most; an eighth while more comes, unless it has been behind for ``patience``: then it
/// would never be done. A page that takes longer than its work can have waited, for a processor that
/// others had first or for a lock: it rests for as long again and no more. Who has all but what just came waits for about ``gathered`` events at the
/// rate at which they come, or for a while when there are few.
struct FollowingPace {
    /// Most events of a page.
    static let pageEvents = 200
    private static let gathered = 100
    private static let longestRest: Duration = .seconds(1)
    private static let patience: Duration = .seconds(60)

    /// What a page's work takes at most.
    private static func work(of count: Int) -> Duration {
        .milliseconds(2) + .microseconds(25) * count
    }

    /// The longest time that what comes is gathered for.
    let gathering: Duration
    private var last: Page?
    /// Since when a page and more has been left.
    private var behindSince: Duration?

    private struct Page {
        let began: Duration
        /// How many events were still to come after it.
        let left: UInt64
    }

    init(gathering: Duration) { self.gathering = gathering }

    /// How long to rest after a page that began at some time and ends now.
    ///
    /// - Parameter left: How many events the log has behind the page.
    mutating func rest(after count: Int, left: UInt64, began: Duration, now: Duration) -> Duration {
        defer { last = Page(began: began, left: left) }
        let isBehind = left >= UInt64(Self.pageEvents)
        behindSince = isBehind ? behindSince ?? began : nil
        let isLate = behindSince.map { now - $0 >= Self.patience } ?? false
        let comesMore = last.map { UInt64(count) + left > $0.left } ?? false
        let taken = now - began
        let work = min(taken, Self.work(of: count))
        let share = min(max(work * (comesMore && !isLate ? 7 : 3), taken), Self.longestRest)
        guard !isBehind else { return share }
        guard let last, count > 0 else { return gathering }
        return max(share, min(gathering, (began - last.began) * Self.gathered / count))
    }
}
