/// When work that follows the log takes its next page, so that it gives way to those who wait for an
/// answer: on a small machine a page of a thousand events holds up everybody by all that it takes.
///
/// Pages are small. While there is more, it rests for three times as long as the last page took: a
/// backlog takes a quarter of a processor at most. Who has all waits for about ``gathered`` events
/// at the rate at which they come, or for a while when there are few.
struct FollowingPace {
    /// Most events of a page.
    static let pageEvents = 200
    private static let gathered = 100
    private static let longestRest: Duration = .seconds(1)

    /// The longest time that what comes is gathered for.
    let gathering: Duration
    private var lastBegan: Duration?

    init(gathering: Duration) { self.gathering = gathering }

    /// How long to rest after a page that began at some time and ends now.
    ///
    /// - Parameter isLast: All that there was is done.
    mutating func rest(after count: Int, isLast: Bool, began: Duration, now: Duration) -> Duration {
        defer { lastBegan = began }
        let share = min((now - began) * 3, Self.longestRest)
        guard isLast else { return share }
        guard let lastBegan, count > 0 else { return gathering }
        return max(share, min(gathering, (began - lastBegan) * Self.gathered / count))
    }
}
