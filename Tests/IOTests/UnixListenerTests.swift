import Glibc
import IO
import Telemetry
import TestCertificates
import Testing

@Suite struct UnixListenerTests {
    @Test func `a Unix socket carries bytes, and its file goes with the listener`() async throws {
        try await TestAuthority.with { authority in
            let path = authority.folder + "/socket"
            let file: (before: Bool, after: Bool) = try await meet { loop, continuation in
                let listener = try Listener(.unix(path: path), on: loop, logger: .silent)
                try listener.start { fd, peer in
                    let connection = Connection(owning: fd, peer: peer, loop: loop)
                    try? connection.start(Echo(connection))
                    return true
                }
                try connect(to: .unix(path: path), on: loop, continuation) { connection in
                    let sender = Sender(connection, total: 1) { _ in
                        let before = access(path, F_OK) == 0
                        listener.stop()
                        continuation.resume(returning: (before, access(path, F_OK) == 0))
                    }
                    try connection.start(sender)
                    connection.setNeedsWrite()
                }
            }
            #expect(file == (true, false))
        }
    }

    @Test func `a socket where somebody answers is not replaced`() async throws {
        try await TestAuthority.with { authority in
            let address = SocketAddress.unix(path: authority.folder + "/socket")
            let error = await #expect(throws: IOError.self) {
                try await meet { (loop, continuation: CheckedContinuation<Void, any Error>) in
                    let first = try Listener(address, on: loop, logger: .silent)
                    defer { first.stop() }
                    _ = try Listener(address, on: loop, logger: .silent)
                    continuation.resume()
                }
            }
            #expect(error?.code == .addressInUse)
        }
    }

    @Test func `a socket that was left behind is replaced`() async throws {
        try await TestAuthority.with { authority in
            let address = SocketAddress.unix(path: authority.folder + "/socket")
            try await meet { (loop, continuation: CheckedContinuation<Void, any Error>) in
                // Never stopped, as by a process that was killed: only its descriptor is closed.
                _ = try Listener(address, on: loop, logger: .silent)
                let second = try Listener(address, on: loop, logger: .silent)
                second.stop()
                continuation.resume()
            }
        }
    }

    @Test func `a file of another kind is not replaced`() async throws {
        try await TestAuthority.with { authority in
            let path = authority.root.certificate
            let error = await #expect(throws: IOError.self) {
                try await meet { (loop, continuation: CheckedContinuation<Void, any Error>) in
                    _ = try Listener(.unix(path: path), on: loop, logger: .silent)
                    continuation.resume()
                }
            }
            #expect(error?.code == .addressInUse)
            #expect(access(path, F_OK) == 0)
        }
    }

    @Test func `a listener that stops leaves another one's file alone`() async throws {
        try await TestAuthority.with { authority in
            let path = authority.folder + "/socket"
            let isThere = try await meet { loop, continuation in
                let first = try Listener(.unix(path: path), on: loop, logger: .silent)
                rename(path, path + "-moved")
                let second = try Listener(.unix(path: path), on: loop, logger: .silent)
                first.stop()
                continuation.resume(returning: access(path, F_OK) == 0)
                second.stop()
            }
            #expect(isThere)
        }
    }

    private func meet<T: Sendable>(
        _ body: @escaping @Sendable (IOLoop, CheckedContinuation<T, any Error>) throws -> Void
    ) async throws -> T {
        let loop = try IOLoop(name: "test")
        defer { loop.stop() }
        return try await withCheckedThrowingContinuation { continuation in
            onLoop(loop, continuation) { try body(loop, continuation) }
        }
    }
}
