public import Events
import Postgres

// History in wire form, straight from the rows' buffer.
extension PostgresEventLog {
    /// Pages that are asked for at the same time.
    private static let pagesAhead: UInt64 = 2

    public func read(
        after: Position, filter: EventFilter, limit: Int, maxBytes: Int,
        encoder: any DeliveryEncoder
    ) async throws -> EncodedPage {
        do {
            guard filter.takesAll else {
                return try await page(
                    after: after, through: .max, filter, limit: limit, maxBytes: maxBytes, encoder)
            }
            return try await pages(after: after, limit: limit, maxBytes: maxBytes, encoder)
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
    }

    /// Where nothing is filtered it is known beforehand where pages begin: positions are dense. So
    /// the next ones are on their way while the first is being encoded.
    private func pages(
        after: Position, limit: Int, maxBytes: Int, _ encoder: any DeliveryEncoder
    ) async throws -> EncodedPage {
        let missing = max(observers.history.head, after).rawValue - after.rawValue
        // A page that its bytes are sure to end has no neighbour.
        let ahead = maxBytes > limit * Self.bytesOfARow ? Self.pagesAhead : 1
        let count = max(1, min(ahead, missing / UInt64(limit)))
        return try await withThrowingTaskGroup(of: (UInt64, EncodedPage).self) { group in
            for number in 0..<count {
                let start = after.advanced(by: Int(number) * limit)
                group.addTask {
                    let page = try await self.page(
                        after: start, through: start.advanced(by: limit), .everything,
                        limit: limit, maxBytes: maxBytes, encoder)
                    return (number, page)
                }
            }
            var pages: [UInt64: EncodedPage] = [:]
            for try await (number, page) in group { pages[number] = page }
            guard var whole = pages[0] else { throw EventsError.away(.unavailable) }
            for number in 1..<max(count, 1) {
                // One that ended with its bytes has no neighbour.
                let end = after.advanced(by: Int(number) * limit)
                guard whole.scannedThrough == end, let page = pages[number],
                    page.epoch == whole.epoch
                else { break }
                whole.batches += page.batches
                whole.scannedThrough = page.scannedThrough
                whole.head = max(whole.head, page.head)
            }
            return whole
        }
    }

    private func page(
        after: Position, through: Position, _ filter: EventFilter, limit: Int, maxBytes: Int,
        _ encoder: any DeliveryEncoder
    ) async throws -> EncodedPage {
        let limit = Self.rows(limit, in: maxBytes)
        let read = try await subscribersReads.passing(of: filter.onlyTenant) {
            try await rows(
                Stretch(after: after, through: through, backward: false), filter, limit: limit,
                maxBytes: maxBytes)
        }
        try await check(after, in: read)
        var page = PageEncoder(encoder, epoch: read.epoch, maxBatchBytes: maxBytes)
        var count = 0
        var last = after
        try await forEachRow(of: read.rows) { event in
            count += 1
            last = event.position
            page.append(event)
        }
        let scanned = count >= limit ? last : read.scanned
        return EncodedPage(
            batches: page.batches, scannedThrough: max(after, min(scanned, read.head)),
            head: read.head, epoch: read.epoch)
    }

    /// Hands out the fields of the rows that hold an event.
    private func forEachRow(of rows: Rows, _ body: (EventFields) -> Void) async throws {
        let reader = EventRow(first: Self.firstColumn)
        guard let names = try await names(in: rows, reader) else { return }
        // Most rows have the same names as the one before.
        var last: (tenant: Int32, type: Int32, names: (TenantID, Directory.TypeKey))?
        for row in rows where try !reader.isNull(row) {
            let tenant = try reader.tenant(row)
            let type = try reader.type(row)
            let found: (TenantID, Directory.TypeKey)
            if let last, last.tenant == tenant, last.type == type {
                found = last.names
            } else {
                found = try names.of(row, reader)
                last = (tenant, type, found)
            }
            body(try reader.fields(row, tenant: found.0, type: found.1))
        }
    }
}
