public import EventProtos
import Events
public import GRPC

// Replay, GetReplay, CancelReplay and ListReplays.
extension EventServiceServer {
    public func replay(
        _ request: ApusV1.ReplayRequest, call: ServerCall
    ) async throws -> ApusV1.ReplayResponse {
        try await mapped {
            let caller = try callers.caller(of: call)
            let wanted = try Events.ReplayRequest(request, caller: caller)
            return ApusV1.ReplayResponse(
                try await replays.start(wanted, caller: caller, in: reading))
        }
    }

    public func getReplay(
        _ request: ApusV1.GetReplayRequest, call: ServerCall
    ) async throws -> ApusV1.ReplayResponse {
        try await mapped {
            let caller = try callers.caller(of: call)
            let id = try EventID(replay: request.replayId)
            return ApusV1.ReplayResponse(try await replays.find(id, caller: caller))
        }
    }

    public func cancelReplay(
        _ request: ApusV1.CancelReplayRequest, call: ServerCall
    ) async throws -> ApusV1.ReplayResponse {
        try await mapped {
            let caller = try callers.caller(of: call)
            let id = try EventID(replay: request.replayId)
            return ApusV1.ReplayResponse(try await replays.cancel(id, caller: caller))
        }
    }

    public func listReplays(
        _ request: ApusV1.ListReplaysRequest, call: ServerCall
    ) async throws -> ApusV1.ListReplaysResponse {
        try await mapped {
            let caller = try callers.caller(of: call)
            let limit = try PageSize.checked(request.pageSize)
            var before: EventID?
            if !request.pageToken.isEmpty {
                before = EventID(request.pageToken)
                guard before != nil else {
                    throw EventsError.invalid("page_token", "must be a token of a listing")
                }
            }
            let page = try await replays.list(caller: caller, before: before, limit: limit)
            return ApusV1.ListReplaysResponse(page, limit: limit)
        }
    }
}

extension ApusV1.ListReplaysResponse {
    /// With one replay more, of many handlers, the response stays far under 4 MiB.
    private static let maxListedBytes = 2 << 20

    /// - Parameter limit: What was asked for.
    init(_ page: [Replay], limit: Int) {
        self.init()
        var bytes = 0
        for replay in page {
            guard bytes < Self.maxListedBytes else { break }
            let listed = ApusV1.ReplayResponse(replay)
            bytes += listed.encoded().count
            replays.append(listed)
        }
        if replays.count < page.count || page.count == limit {
            nextPageToken = replays.last?.replayId ?? ""
        }
    }
}

extension EventID {
    fileprivate init(replay text: String) throws(EventsError) {
        guard let id = EventID(text) else { throw .invalid("replay_id", "must be a UUID") }
        self = id
    }
}

extension Events.ReplayRequest {
    private static let maxIDs = 1_000

    init(_ request: ApusV1.ReplayRequest, caller: Caller) throws(EventsError) {
        let selection: Selection
        switch request.selection {
        case .ids(let list): selection = .ids(try Self.ids(list.ids))
        case .range(let range): selection = .range(try Events.ReplayRange(range, caller: caller))
        case nil: throw .invalid("selection", "must be ids or range")
        }
        self.init(
            selection: selection, handlers: request.handlers, isDryRun: request.dryRun,
            allowSideEffects: request.allowSideEffects,
            maxEventsPerSecond: Int(request.maxEventsPerSecond), reason: request.reason,
            requestID: request.requestId)
    }

    private static func ids(_ texts: [String]) throws(EventsError) -> [EventID] {
        guard (1...maxIDs).contains(texts.count) else {
            throw .invalid("ids.ids", "must be 1 to \(maxIDs), not \(texts.count)")
        }
        var ids: [EventID] = []
        for (index, text) in texts.enumerated() {
            guard let id = EventID(text) else {
                throw .invalid("ids.ids[\(index)]", "must be a UUID")
            }
            ids.append(id)
        }
        return ids
    }
}

extension Events.ReplayRange {
    init(_ range: ApusV1.ReplayRange, caller: Caller) throws(EventsError) {
        for (field, position) in [
            ("from_position", range.fromPosition), ("to_position", range.toPosition),
        ] where position > Position.max.rawValue {
            throw .invalid("range.\(field)", "must be below 2^53")
        }
        try self.init(
            filter: EventFilter(range.filter, caller: caller, path: "range.filter"),
            from: Position(range.fromPosition), to: Position(range.toPosition),
            since: Timestamp(checking: range.since, field: "range.since"),
            until: Timestamp(checking: range.until, field: "range.until"),
            statuses: EventStatus.set(range.statuses, field: "range.statuses"),
            limit: Int(range.limit))
    }
}

extension ApusV1.ReplayResponse {
    init(_ replay: Replay) {
        self.init(
            replayId: replay.id?.description ?? "",
            state: ApusV1.ReplayState(rawValue: Int32(replay.state.rawValue)),
            matched: UInt64(replay.matched),
            targets: replay.targets.map { target in
                ApusV1.ReplayTarget(
                    handler: target.handler, events: UInt64(target.events),
                    done: UInt64(target.done), failed: UInt64(target.failed),
                    skippedReason: target.skippedReason)
            },
            startedAt: replay.startedAt.map(GoogleProtobuf.Timestamp.init),
            finishedAt: replay.finishedAt.map(GoogleProtobuf.Timestamp.init),
            reason: replay.reason)
    }
}
