internal import Glibc
import IO

/// Finds the addresses to try, and has them tried one at a time. libpq would look names up on the loop
/// and block it, and its own list has no time limit for each address but where it blocks.
enum HostResolver {
    typealias Parameters = [(keyword: String, value: String)]

    /// - Returns: libpq's keywords for each address of each host, in their order; a host without an
    ///   address is left out.
    /// - Throws: ``PostgresError`` `.cannotConnect` when no host has an address.
    static func attempts(_ parameters: Parameters) async throws -> [Parameters] {
        let settings = Dictionary(parameters.map { ($0.keyword, $0.value) }) { $1 }
        guard let hosts = hosts(settings) else { return [parameters] }
        let loop = try thread.get()
        let found = try await withTaskExecutorPreference(loop) { try addressed(hosts) }
        let attempts = found.map { host in
            var settings = settings
            settings["host"] = host.name
            settings["hostaddr"] = host.address
            settings["port"] = host.port
            return settings
        }
        guard settings["target_session_attrs"] == "prefer-standby", attempts.count > 1 else {
            return attempts.map(keywords)
        }
        return ["standby", "any"].flatMap { wanted in
            attempts.map { keywords($0.merging(["target_session_attrs": wanted]) { $1 }) }
        }
    }

    private static func keywords(_ settings: [String: String]) -> Parameters {
        settings.map { (keyword: $0.key, value: $0.value) }
    }

    private struct Host {
        var name: String?
        var address: String?
        var port: String?
    }

    /// Nil when there is no list, or one that libpq is to complain of.
    private static func hosts(_ settings: [String: String]) -> [Host]? {
        func list(_ keyword: String) -> [String]? {
            settings[keyword]?.split(separator: ",", omittingEmptySubsequences: false)
                .map(String.init)
        }
        let names = list("host")
        let addresses = list("hostaddr")
        guard let count = (addresses ?? names)?.count, names.map({ $0.count == count }) ?? true
        else { return nil }
        let ports = list("port") ?? []
        guard ports.count <= 1 || ports.count == count else { return nil }
        return (0..<count).map { index in
            Host(
                name: names?[index], address: addresses?[index],
                port: ports.count > 1 ? ports[index] : ports.first)
        }
    }

    private static func addressed(_ hosts: [Host]) throws(PostgresError) -> [Host] {
        var found: [Host] = []
        var failure: PostgresError?
        for host in hosts {
            guard host.address?.isEmpty ?? true, let name = host.name, isName(name) else {
                found.append(host)
                continue
            }
            do {
                for address in try addresses(of: name) {
                    var host = host
                    host.address = address
                    found.append(host)
                }
            } catch {
                failure = error
            }
        }
        if let failure, found.isEmpty { throw failure }
        return found
    }

    /// Look-ups block: they have a thread of their own, which lives as long as the process.
    private static let thread = Result { () throws(IOError) in try IOLoop(name: "apus-resolver") }

    private static func isSocket(_ host: String) -> Bool {
        host.isEmpty || host.hasPrefix("/") || host.hasPrefix("@")
    }

    private static func isName(_ host: String) -> Bool {
        guard !isSocket(host) else { return false }
        var four = in_addr()
        var six = in6_addr()
        return unsafe inet_pton(AF_INET, host, &four) != 1
            && inet_pton(AF_INET6, host, &six) != 1
    }

    private static func addresses(of host: String) throws(PostgresError) -> [String] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let outcome = unsafe getaddrinfo(host, nil, &hints, &list)
        defer { if let list = unsafe list { unsafe freeaddrinfo(list) } }
        var addresses: [String] = []
        var next = unsafe list
        while let entry = unsafe next, addresses.count < 8 {
            if let address = unsafe text(of: entry.pointee) { addresses.append(address) }
            unsafe next = entry.pointee.ai_next
        }
        guard outcome == 0, !addresses.isEmpty else {
            throw PostgresError(.cannotConnect, "the name \(host) has no address")
        }
        return addresses
    }

    private static func text(of entry: addrinfo) -> String? {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            let outcome = unsafe getnameinfo(
                entry.ai_addr, entry.ai_addrlen, buffer.baseAddress, 64, nil, 0, NI_NUMERICHOST)
            guard outcome == 0, let start = buffer.baseAddress else { return nil }
            return unsafe String(cString: start)
        }
    }
}
