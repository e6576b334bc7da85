/// The work of one key, in order.
struct KeyQueue {
    /// Rising.
    private(set) var positions: [Position] = []
    /// How many are with members: one at a time is handed out, or a run to a member of this process;
    /// but a former holder may have left two, when it handed out the next and another node's remark
    /// kept the last from being put back.
    var busy = 0
    /// As ``WorkItem/isBlocked`` of all of them.
    var isBlocked = false
    /// It is in the line of those that may be handed out.
    var isQueued = false

    var first: Position? { positions.first }
    var count: Int { positions.count }
    var isEmpty: Bool { positions.isEmpty }

    mutating func insert(_ position: Position) {
        guard let last = positions.last, position < last else {
            positions.append(position)
            return
        }
        positions.insert(position, at: positions.firstIndex { $0 > position } ?? positions.count)
    }

    mutating func remove(_ position: Position) {
        if let index = positions.firstIndex(of: position) { positions.remove(at: index) }
    }
}

/// A line of waiting ones, over one array: what left is closed up now and then.
struct Line<Element> {
    private(set) var elements: [Element] = []
    private(set) var head = 0

    var isEmpty: Bool { head == elements.count }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func popFirst() -> Element? {
        guard head < elements.count else { return nil }
        let element = elements[head]
        head += 1
        if head >= 64, head * 2 >= elements.count {
            elements.removeFirst(head)
            head = 0
        }
        return element
    }

    mutating func putBack(_ element: Element) {
        if head > 0 {
            head -= 1
            elements[head] = element
        } else {
            elements.insert(element, at: 0)
        }
    }

    mutating func removeAll(where isRemoved: (Element) -> Bool) {
        elements.removeFirst(head)
        head = 0
        elements.removeAll(where: isRemoved)
    }

    /// Those that wait, in order.
    var waiting: ArraySlice<Element> { elements[head...] }
}
