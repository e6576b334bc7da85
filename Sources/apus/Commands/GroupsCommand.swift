import EventProtos
import GRPC
import Protobuf

struct GroupsCommand: Command {
    static let syntax = CommandSyntax(
        "groups", summary: "Makes, shows and changes groups.",
        operands: "list | get NAME | create NAME | update NAME | reset NAME | delete NAME",
        operandCount: 1...2,
        discussion: """
            Members of a group share its events and acknowledge each: `apus subscribe --group NAME` is one.
            create and update take the filter (--type …), --ordering, --max-attempts and --ack-deadline; create and
            reset take --from. update leaves alone what it is not told.
            """,
        flags: ClientFlags.all + FilterFlags.all + [
            .value("from", "START", "beginning, end, a position or a moment; default end."),
            .value(
                "ordering", "ORDERING",
                "continue or hold: whether a dead letter's key goes on without it."),
            .value("max-attempts", "COUNT", "Before an event becomes a dead letter; default 10."),
            .value("ack-deadline", "DURATION", "For each delivery; default 30s."),
        ])

    private enum Work: Sendable {
        case list
        case get(String)
        case create(ApusV1.Group)
        case update(ApusV1.Group)
        case reset(ApusV1.ResetGroupRequest)
        case delete(String)
    }

    /// Flags that only some of the actions take.
    private static let settings =
        FilterFlags.all.map(\.name) + [
            "ordering", "max-attempts", "ack-deadline",
        ]

    private let client: ClientFlags
    private let work: Work

    init(_ arguments: ParsedArguments) throws(UsageError) {
        client = try ClientFlags(arguments)
        let action = arguments.operands[0]
        let name = arguments.operands.count > 1 ? arguments.operands[1] : nil
        guard action != "list" else {
            guard name == nil else { throw UsageError("list takes no name") }
            try Self.refuse(Self.settings + ["from"], of: action, arguments)
            work = .list
            return
        }
        guard ["get", "create", "update", "reset", "delete"].contains(action) else {
            throw UsageError(
                "no action \(action); there are list, get, create, update, reset and delete")
        }
        guard let name else { throw UsageError("\(action) needs the group's NAME") }
        switch action {
        case "create":
            var group = try Self.group(name, arguments)
            group.start = try StartFlag.start(arguments)?.ofGroup
            work = .create(group)
        case "update":
            try Self.refuse(["from"], of: action, arguments)
            let group = try Self.group(name, arguments)
            guard group != ApusV1.Group(name: name) else {
                throw UsageError("update needs something to change, such as --max-attempts")
            }
            work = .update(group)
        case "reset":
            try Self.refuse(Self.settings, of: action, arguments)
            guard let start = try StartFlag.start(arguments) else {
                throw UsageError("reset needs --from")
            }
            work = .reset(ApusV1.ResetGroupRequest(name: name, start: start.ofReset))
        default:
            try Self.refuse(Self.settings + ["from"], of: action, arguments)
            work = action == "get" ? .get(name) : .delete(name)
        }
    }

    private static func refuse(
        _ flags: [String], of action: String, _ arguments: ParsedArguments
    ) throws(UsageError) {
        for flag in flags where arguments.isGiven(flag) {
            throw UsageError("\(action) takes no --\(flag)")
        }
    }

    private static func group(
        _ name: String, _ arguments: ParsedArguments
    ) throws(UsageError) -> ApusV1.Group {
        var group = ApusV1.Group(name: name)
        let filter = try FilterFlags.filter(arguments)
        if filter != ApusV1.Filter() { group.filter = filter }
        group.ordering =
            try arguments.choice("ordering", [("continue", .continue), ("hold", .hold)])
            ?? .unspecified
        group.maxAttempts = try arguments.integer("max-attempts", in: 1...UInt32.max) ?? 0
        group.ackDeadline = try arguments.duration("ack-deadline").map(
            GoogleProtobuf.Duration.init)
        return group
    }

    func run(_ terminal: Terminal) async throws {
        try await client.withChannel { channel in
            let groups = ApusV1.GroupServiceClient(channel)
            switch work {
            case .list: try await list(groups, terminal)
            case .get(let name):
                try show(
                    try await groups.getGroup(
                        ApusV1.GetGroupRequest(name: name), options: client.unary), terminal)
            case .create(let group):
                try show(
                    try await groups.createGroup(
                        ApusV1.CreateGroupRequest(group: group), options: client.unary), terminal)
            case .update(let group):
                try show(
                    try await groups.updateGroup(
                        ApusV1.UpdateGroupRequest(group: group), options: client.unary), terminal)
            case .reset(let request):
                try show(try await groups.resetGroup(request, options: client.unary), terminal)
            case .delete(let name):
                _ = try await groups.deleteGroup(
                    ApusV1.DeleteGroupRequest(name: name), options: client.unary)
                terminal.print(client.json ? "{}" : "group \(name) is deleted")
            }
        }
    }

    private func list(_ groups: ApusV1.GroupServiceClient, _ terminal: Terminal) async throws {
        var request = ApusV1.ListGroupsRequest(pageSize: 1_000)
        repeat {
            let page = try await groups.listGroups(request, options: client.unary)
            for group in page.groups { try show(group, terminal) }
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
    }

    private func show(_ group: ApusV1.GroupResponse, _ terminal: Terminal) throws {
        terminal.print(client.json ? try group.json() : EventText.block(group))
    }
}
