public import EventProtos
public import Events
public import GRPC
import Protobuf
public import Telemetry

/// `apus.v1.GroupService`: a tenant's groups.
public struct GroupServiceServer: ApusV1.GroupServiceProvider {
    private let groups: Groups
    private let callers: Callers
    private let faults: Faults

    public init(groups: Groups, callers: Callers, logger: Logger) {
        self.groups = groups
        self.callers = callers
        faults = Faults(logger: logger)
    }

    public func createGroup(
        _ request: ApusV1.CreateGroupRequest, call: ServerCall
    ) async throws -> ApusV1.GroupResponse {
        try await faults.mapped {
            let caller = try callers.caller(of: call)
            let group = try Group(request.group ?? ApusV1.Group(), caller: caller)
            return ApusV1.GroupResponse(try await create(group))
        }
    }

    /// The same group again is what is there; another under its name is refused.
    private func create(_ group: Group) async throws -> GroupStatus {
        do {
            return try await groups.create(group)
        } catch let error as EventsError where error.code == .alreadyExists {
            let existing = try await groups.get(group.name, tenant: group.tenant)
            guard existing.group == group else { throw error }
            return existing
        }
    }

    public func getGroup(
        _ request: ApusV1.GetGroupRequest, call: ServerCall
    ) async throws -> ApusV1.GroupResponse {
        try await faults.mapped {
            let caller = try callers.caller(of: call)
            let name = try GroupName(checking: request.name, field: "name")
            return ApusV1.GroupResponse(try await groups.get(name, tenant: caller.tenant))
        }
    }

    public func listGroups(
        _ request: ApusV1.ListGroupsRequest, call: ServerCall
    ) async throws -> ApusV1.ListGroupsResponse {
        try await faults.mapped {
            let caller = try callers.caller(of: call)
            let limit = try PageSize.checked(request.pageSize)
            let after = request.pageToken.isEmpty ? nil : GroupName(request.pageToken)
            guard request.pageToken.isEmpty || after != nil else {
                throw EventsError.invalid("page_token", "must be a token of a listing")
            }
            return try await page(of: caller.tenant, after: after, limit: limit)
        }
    }

    /// Reads a few at a time: filters may be long, and a page holds so many bytes only.
    private func page(
        of tenant: TenantID, after: GroupName?, limit: Int
    ) async throws -> ApusV1.ListGroupsResponse {
        var response = ApusV1.ListGroupsResponse()
        var after = after
        var bytes = 0
        var count = Self.groupsRead.lowerBound
        while true {
            let wanted = min(count, limit - response.groups.count)
            let found = try await groups.list(tenant: tenant, after: after, limit: wanted + 1)
            let (before, listed) = (bytes, response.groups.count)
            for status in found.prefix(wanted) where bytes < Self.maxListedBytes {
                let group = ApusV1.GroupResponse(status)
                bytes += group.encoded().count
                response.groups.append(group)
                after = status.group.name
            }
            if response.groups.count - listed == found.count { return response }
            guard bytes < Self.maxListedBytes, response.groups.count < limit else {
                response.nextPageToken = after?.rawValue ?? ""
                return response
            }
            if bytes - before < Self.fewBytes { count = Self.groupsRead.upperBound }
        }
    }

    private static let groupsRead = 8...200
    private static let fewBytes = 64 << 10

    /// A response stays under 3 MiB, also when its last group has the longest filter.
    private static let maxListedBytes = 2 << 20

    public func updateGroup(
        _ request: ApusV1.UpdateGroupRequest, call: ServerCall
    ) async throws -> ApusV1.GroupResponse {
        try await faults.mapped {
            let caller = try callers.caller(of: call)
            let wanted = request.group ?? ApusV1.Group()
            let name = try GroupName(checking: wanted.name, field: "group.name")
            let changes = try GroupChanges(wanted, mask: request.updateMask, caller: caller)
            if request.updateMask == nil, let start = try wanted.domainStart {
                // A group that was asked for, changed and sent back whole says where it began.
                let existing = try await groups.get(name, tenant: caller.tenant)
                guard start == existing.group.start else {
                    throw EventsError.invalid("group.start", "is changed by ResetGroup alone")
                }
            }
            return ApusV1.GroupResponse(
                try await groups.update(name, tenant: caller.tenant, changes))
        }
    }

    public func resetGroup(
        _ request: ApusV1.ResetGroupRequest, call: ServerCall
    ) async throws -> ApusV1.GroupResponse {
        try await faults.mapped {
            let caller = try callers.caller(of: call)
            let name = try GroupName(checking: request.name, field: "name")
            let start: SubscriptionRequest.Start
            switch request.start {
            case .beginning: start = .beginning
            case .end: start = .end
            case .afterPosition(let position):
                start = try .after(checking: position, field: "after_position")
            case .since(let moment): start = try .since(checking: moment, field: "since")
            case nil: throw EventsError.invalid("start", "must be set")
            }
            return ApusV1.GroupResponse(
                try await groups.reset(name, tenant: caller.tenant, to: start))
        }
    }

    public func deleteGroup(
        _ request: ApusV1.DeleteGroupRequest, call: ServerCall
    ) async throws -> ApusV1.DeleteGroupResponse {
        try await faults.mapped {
            let caller = try callers.caller(of: call)
            let name = try GroupName(checking: request.name, field: "name")
            try await groups.delete(name, tenant: caller.tenant)
            return ApusV1.DeleteGroupResponse()
        }
    }
}
