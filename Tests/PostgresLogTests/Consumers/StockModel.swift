import Events
import Handlers

/// What the stock comes to, worked out from all events at once and one line after the other.
struct StockModel {
    private struct Line {
        let tenant: String
        let order: String
        let number: Int64
        let position: Int64
        let sku: String
        let quantity: Int64
        var state = "open"
        var reserved: Int64 = 0
    }

    private struct Unit: Hashable {
        let tenant: String
        let sku: String
    }

    private struct Fact {
        let kind: String
        let position: Int64
        let tenant: String
        let order: String
        let line: Int64
        let sku: String
        let quantity: Int64
    }

    private var facts: [Fact] = []

    mutating func take(_ event: RecordedEvent) throws {
        for change in try Inventory().changes(for: event) ?? [] {
            func text(_ index: Int) -> String {
                if case .text(let text) = change.values[index] { text } else { "" }
            }
            func number(_ index: Int) -> Int64 {
                if case .integer(let number) = change.values[index] { number } else { 0 }
            }
            facts.append(
                Fact(
                    kind: text(2), position: number(1), tenant: text(0), order: text(3),
                    line: number(4), sku: text(5), quantity: number(6)))
        }
    }

    /// As the test asks for them, in order of the text.
    var lines: [String] {
        var onHand: [Unit: Int64] = [:]
        for fact in facts where fact.kind == "received" || fact.kind == "adjusted" {
            onHand[Unit(tenant: fact.tenant, sku: fact.sku), default: 0] += fact.quantity
        }
        var lines = ordered()
        for order in Set(lines.map { [$0.tenant, $0.order] }) {
            let told = facts.filter { [$0.tenant, $0.order] == order }
            let kinds = Set(told.map(\.kind))
            let state =
                kinds.contains("shipped")
                ? "shipped" : kinds.contains("released") ? "released" : "open"
            var shipped: [String: Int64] = [:]
            for index in lines.indices where [lines[index].tenant, lines[index].order] == order {
                lines[index].state = state
                shipped[lines[index].sku, default: 0] += lines[index].quantity
            }
            guard state == "shipped" else { continue }
            for (sku, quantity) in shipped {
                let partly = told.filter { $0.kind == "returned_line" && $0.sku == sku }
                    .reduce(0) { $0 + $1.quantity }
                let back = kinds.contains("returned") ? quantity : min(quantity, partly)
                onHand[Unit(tenant: order[0], sku: sku), default: 0] += back - quantity
            }
        }
        for index in lines.indices.sorted(by: {
            (lines[$0].position, lines[$0].number) < (lines[$1].position, lines[$1].number)
        }) where lines[index].state == "open" {
            let unit = Unit(tenant: lines[index].tenant, sku: lines[index].sku)
            let got = max(0, min(lines[index].quantity, onHand[unit] ?? 0))
            lines[index].reserved = got
            onHand[unit, default: 0] -= lines[index].quantity
        }
        return lines.map {
            "\($0.tenant) \($0.order) \($0.number) \($0.sku) \($0.state) \($0.reserved)"
        }.sorted()
    }

    /// The lines of each order, as the first event that created it has them.
    private func ordered() -> [Line] {
        var created: [[String]: Int64] = [:]
        for fact in facts where fact.kind == "created" {
            created[[fact.tenant, fact.order]] = min(
                fact.position, created[[fact.tenant, fact.order]] ?? .max)
        }
        return facts.filter {
            $0.kind == "line" && created[[$0.tenant, $0.order]] == $0.position
        }.map {
            Line(
                tenant: $0.tenant, order: $0.order, number: $0.line, position: $0.position,
                sku: $0.sku, quantity: $0.quantity)
        }
    }
}
