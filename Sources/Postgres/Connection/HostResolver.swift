internal import Glibc
import IO

/// Turns host names into addresses off the event loops: libpq would look them up on the loop, and
/// block it.
enum HostResolver {
    /// Adds `hostaddr` to libpq's keywords when `host` holds names.
    ///
    /// - Throws: ``PostgresError`` `.cannotConnect` when a name has no address.
    static func resolve(
        _ parameters: [(keyword: String, value: String)]
    ) async throws -> [(keyword: String, value: String)] {
        var settings = Dictionary(parameters.map { ($0.keyword, $0.value) }) { $1 }
        guard settings["hostaddr"] == nil, let list = settings["host"] else { return parameters }
        let hosts = list.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard hosts.contains(where: isName) else { return parameters }
        // Names mixed with sockets cannot be given as addresses: libpq takes one list or the other.
        guard hosts.allSatisfy({ !isSocket($0) }) else { return parameters }
        let loop = try thread.get()
        let found = try await withTaskExecutorPreference(loop) {
            try hosts.map { isName($0) ? try addresses(of: $0) : [$0] }
        }
        let ports = (settings["port"] ?? "").split(separator: ",", omittingEmptySubsequences: false)
        var host: [String] = []
        var hostaddr: [String] = []
        var port: [String] = []
        for (index, addresses) in found.enumerated() {
            for address in addresses {
                host.append(hosts[index])
                hostaddr.append(address)
                if ports.count == hosts.count { port.append(String(ports[index])) }
            }
        }
        settings["host"] = host.joined(separator: ",")
        settings["hostaddr"] = hostaddr.joined(separator: ",")
        if !port.isEmpty { settings["port"] = port.joined(separator: ",") }
        return settings.map { (keyword: $0.key, value: $0.value) }
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
