import Telemetry

// What was said on other nodes, and the events that it takes.
extension ConsumerEngine {
    /// Events are read so many at a time, since each may be a large one.
    private static let page = 64
    /// Dead letters are heard of so long before they are due: longer than it takes to look again.
    private static let foresight: Duration = .seconds(2)

    /// Hears what there is each time that it is told of it.
    func hear() async throws {
        var backOff = BackOff()
        while true {
            await hearing.wait()
            try Task.checkCancellation()
            let told = told
            do {
                if heard < told { try await hearRemarks() }
                try await hearRevivals()
                heard = told
                backOff.reset()
            } catch let error as EventsError {
                environment.logger.warning(
                    "What other nodes said to a consumer cannot be read",
                    [.consumer: name, .error: .init(String(describing: error))])
                hearing.raise()
                try await time.sleep(for: backOff.next())
            }
        }
    }

    private func hearRemarks() async throws {
        machine.listen()
        let remarks = try await environment.books.remarks(
            definition.consumer, partitions: machine.held)
        for remark in remarks { machine.heed(remark, event: nil, now: time.now()) }
        goOn()
    }

    /// Hears of as many dead letters as there is room for. When that is less than there are, the
    /// rest is heard of once what is known of these is stored.
    private func hearRevivals() async throws {
        let room = machine.revivalRoom
        hasMoreRevivals = true
        guard room != .none else { return }
        machine.listen()
        let remarks = try await environment.books.revivals(
            definition.consumer, partitions: machine.held, within: Self.foresight, room: room)
        let events = try await self.events(at: remarks.map(\.work.position))
        hasMoreRevivals = remarks.count == room.count
        for remark in remarks {
            machine.heed(remark, event: events[remark.work.position], now: time.now())
        }
        if !remarks.isEmpty { goOn() }
    }

    private func goOn() {
        // What waited behind an event that is over may begin.
        for member in workers.keys { signals[member]?.raise() }
        wakeUp()
    }

    /// What former holders left, as far as its events are there.
    func items(of work: [StoredWork]) async throws -> [Position: WorkItem] {
        var items: [Position: WorkItem] = [:]
        var rest = work[...]
        while !rest.isEmpty {
            let some = rest.prefix(Self.page)
            rest = rest.dropFirst(Self.page)
            let events = try await self.events(at: some.map(\.position))
            for work in some {
                if let event = events[work.position] {
                    items[work.position] = machine.item(of: work, event)
                }
            }
        }
        return items
    }

    private func events(at positions: [Position]) async throws -> [Position: RecordedEvent] {
        guard !positions.isEmpty else { return [:] }
        var events: [Position: RecordedEvent] = [:]
        for event in try await environment.books.events(at: positions) {
            events[event.position] = event
        }
        return events
    }
}
