/// Who shakes hands on a loop, in the order in which they began. Entering, leaving and finding the
/// oldest take constant time, all in all.
struct HandshakeLine<Member: AnyObject> {
    /// Where somebody stands.
    struct Place { fileprivate let number: Int }

    /// By number, less `gone`; nil where somebody has left.
    private var line: ContiguousArray<Member?> = []
    private var gone = 0
    /// Of the oldest.
    private var head = 0
    private(set) var count = 0

    var oldest: Member? { head < line.count ? line[head] : nil }

    mutating func enter(_ member: Member) -> Place {
        line.append(member)
        count += 1
        return Place(number: gone + line.count - 1)
    }

    mutating func leave(_ place: Place) {
        let index = place.number - gone
        precondition(line[index] != nil, "Left twice")
        line[index] = nil
        count -= 1
        while head < line.count, line[head] == nil { head += 1 }
        // Half of it at least is empty: moving the rest costs no more than entering did.
        guard head > 32, head * 2 >= line.count else { return }
        line.removeFirst(head)
        gone += head
        head = 0
    }
}
