import HTTP2
import IO

/// Where a path leads.
final class Route: Sendable {
    let handler: RPCHandler
    let path: [UInt8]

    init(_ handler: RPCHandler) {
        self.handler = handler
        path = Array(handler.method.path.utf8)
    }
}

/// Finds the handler of a path without making a string of it: an open-addressed table.
final class Router: Sendable {
    private let slots: [Route?]
    private let services: Set<String>
    private let resources: [String: PlainResource]

    /// - Precondition: No two handlers for one method, no two resources at one path.
    init(
        _ services: [any RPCService], interceptors: [any RPCInterceptor] = [],
        resources: [PlainResource] = []
    ) {
        self.resources = Dictionary(
            uniqueKeysWithValues: (resources + [.health]).map { ($0.path, $0) })
        let handlers = services.flatMap(\.rpcHandlers).map { $0.intercepted(by: interceptors) }
        var size = 16
        while size < handlers.count * 2 { size *= 2 }
        var slots = [Route?](repeating: nil, count: size)
        for handler in handlers {
            let route = Route(handler)
            let path = route.path
            var index = Self.hash(path.span) & (size - 1)
            while let taken = slots[index] {
                precondition(taken.path != route.path, "Two handlers for \(handler.method.path)")
                index = (index + 1) & (size - 1)
            }
            slots[index] = route
        }
        self.slots = slots
        self.services = Set(handlers.map(\.method.service))
    }

    func find(_ path: Span<UInt8>) -> Route? {
        var index = Self.hash(path) & (slots.count - 1)
        while let route = slots[index] {
            let known = route.path
            if Self.equal(known.span, path) { return route }
            index = (index + 1) & (slots.count - 1)
        }
        return nil
    }

    /// What plain HTTP finds at a path, which may have a query.
    func resource(_ path: String, for peer: SocketAddress) -> PlainResource? {
        let resource = resources[String(path.prefix { $0 != "?" })]
        return resource?.loopbackOnly == true && !peer.isLoopback ? nil : resource
    }

    /// Whether the path names a service that is here.
    func knowsService(of path: String) -> Bool {
        let parts = path.split(separator: "/", maxSplits: 1)
        return parts.count == 2 && services.contains(String(parts[0]))
    }

    /// FNV-1a. The table holds only our own paths, so nobody can make it slow.
    private static func hash(_ bytes: Span<UInt8>) -> Int {
        var hash: UInt32 = 0x811c_9dc5
        for index in bytes.indices { hash = (hash ^ UInt32(bytes[index])) &* 0x0100_0193 }
        return Int(hash ^ hash >> 16)
    }

    private static func equal(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
        guard a.count == b.count else { return false }
        for index in a.indices where a[index] != b[index] { return false }
        return true
    }
}
