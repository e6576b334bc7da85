/// A line in which tenants take turns; what is of one tenant comes in the order in which it was put in.
/// So who has much waits for nobody who has little, and nobody who has little for who has much.
struct TurnLine<Element> {
    /// Without those that are empty.
    private var lines: [TenantID: Line<Element>] = [:]
    /// Each tenant that has a line, once.
    private var turns = Line<TenantID>()
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ element: Element, of tenant: TenantID) {
        if lines[tenant] == nil { turns.append(tenant) }
        lines[tenant, default: Line()].append(element)
        count += 1
    }

    /// - Parameter isAllowed: Whose turn may come; those of others wait.
    mutating func popFirst(where isAllowed: (TenantID) -> Bool = { _ in true }) -> Element? {
        for _ in 0..<turns.waiting.count {
            guard let tenant = turns.popFirst() else { return nil }
            guard isAllowed(tenant), let element = lines[tenant]?.popFirst() else {
                turns.append(tenant)
                continue
            }
            if lines[tenant]?.isEmpty == false {
                turns.append(tenant)
            } else {
                lines[tenant] = nil
            }
            count -= 1
            return element
        }
        return nil
    }

    /// It comes next, as if it had not been taken.
    mutating func putBack(_ element: Element, of tenant: TenantID) {
        if lines[tenant] != nil { turns.removeAll { $0 == tenant } }
        turns.putBack(tenant)
        lines[tenant, default: Line()].putBack(element)
        count += 1
    }

    mutating func remove(of tenant: TenantID, where isRemoved: (Element) -> Bool) {
        guard let before = lines[tenant]?.waiting.count else { return }
        lines[tenant]?.removeAll(where: isRemoved)
        let left = lines[tenant]?.waiting.count ?? 0
        count -= before - left
        guard left == 0 else { return }
        lines[tenant] = nil
        turns.removeAll { $0 == tenant }
    }

    /// All that wait, in the order in which they would come.
    var waiting: [Element] {
        var copy = self
        var elements: [Element] = []
        while let element = copy.popFirst() { elements.append(element) }
        return elements
    }
}
