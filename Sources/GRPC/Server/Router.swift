import Glibc
import HTTP2
import IO

/// Where a path leads.
final class Route: Sendable {
    let handler: RPCHandler
    let path: [UInt8]

    let refusals: Refusals

    init(_ handler: RPCHandler, _ refusals: Refusals) {
        self.handler = handler
        self.refusals = refusals
        path = Array(handler.method.path.utf8)
    }

    func hasPath(_ other: Span<UInt8>) -> Bool {
        path.withUnsafeBytes { known in
            other.withUnsafeBytes { other in
                guard known.count == other.count, let known = known.baseAddress,
                    let start = other.baseAddress
                else { return false }
                return memcmp(known, start, other.count) == 0
            }
        }
    }
}

/// Who is told of calls that never reach their handler.
struct Refusals {
    private let observers: [@Sendable (RPCStatusCode) -> Void]

    init(of method: RPCMethod?, _ interceptors: [any RPCInterceptor]) {
        observers = interceptors.compactMap { $0.refusals(of: method) }
    }

    func refused(_ code: RPCStatusCode) {
        for observer in observers { observer(code) }
    }
}

/// Finds the handler of a path without making a string of it: an open-addressed table.
final class Router: Sendable {
    private let slots: [Route?]
    private let services: Set<String>
    private let resources: [String: PlainResource]
    /// Of methods that nobody serves.
    let unknown: Refusals

    /// - Precondition: No two handlers for one method, no two resources at one path.
    init(
        _ services: [any RPCService], interceptors: [any RPCInterceptor] = [],
        resources: [PlainResource] = []
    ) {
        self.resources = Dictionary(
            uniqueKeysWithValues: (resources + [.health]).map { ($0.path, $0) })
        unknown = Refusals(of: nil, interceptors)
        let handlers = services.flatMap(\.rpcHandlers).map { $0.intercepted(by: interceptors) }
        var size = 16
        while size < handlers.count * 2 { size *= 2 }
        var slots = [Route?](repeating: nil, count: size)
        for handler in handlers {
            let route = Route(handler, Refusals(of: handler.method, interceptors))
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
            if route.hasPath(path) { return route }
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

    /// FNV-1a over eight bytes at a time. The table holds only our own paths, so nobody can make it
    /// slow.
    private static func hash(_ bytes: Span<UInt8>) -> Int {
        var hash = UInt64(bytes.count)
        var start = 0
        while bytes.count - start >= 8 {
            hash = (hash ^ word(bytes, start)) &* 0x0000_0100_0000_01b3
            start += 8
        }
        // The last eight, of which some were there before.
        let rest = bytes.count < 8 ? 0 : word(bytes, bytes.count - 8)
        hash = (hash ^ rest) &* 0x0000_0100_0000_01b3
        return Int(truncatingIfNeeded: hash ^ hash >> 32)
    }

    private static func word(_ bytes: Span<UInt8>, _ offset: Int) -> UInt64 {
        bytes.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
}
