import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Postgres

@Suite struct FileLockTests {
    /// What is closed twice may be somebody else's by then.
    @Test func `a lock that is refused closes nothing of others`() async throws {
        try await TemporaryDirectory.with { directory in
            let path = directory + "/lock"
            let held = try FileLock(path, directory: directory)
            let isOver = Atomic(false)
            async let lost = Self.openAndClose { isOver.load(ordering: .acquiring) }
            for _ in 0..<2_000 {
                let error = #expect(throws: PostgresError.self) {
                    try FileLock(path, directory: directory)
                }
                #expect(error?.message.contains("process \(getpid())") == true)
            }
            isOver.store(true, ordering: .releasing)
            #expect(await lost == 0)
            held.release()
            try FileLock(path, directory: directory).release()
        }
    }

    /// - Returns: How many descriptors were gone before they were closed.
    @concurrent private static func openAndClose(until isOver: () -> Bool) async -> Int {
        var lost = 0
        while !isOver() {
            let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            for _ in 0..<100 where fcntl(descriptor, F_GETFD) < 0 {
                lost += 1
                break
            }
            close(descriptor)
        }
        return lost
    }
}
