import Glibc
import Postgres

/// A directory of one test, gone with its body.
public enum TemporaryDirectory {
    /// Makes one with a short path, which sockets need, open to every user.
    public static func make() -> String {
        var template = Array("/tmp/apus-test-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil, "no temporary directory")
        let path = String(decoding: template.dropLast().map { UInt8($0) }, as: UTF8.self)
        chmod(path, 0o755)
        return path
    }

    public static func remove(_ path: String) async {
        precondition(path.hasPrefix("/tmp/apus-test-"), "not ours: \(path)")
        _ = try? await ChildProcess.run(Command(["/bin/rm", "-rf", "--", path]))
    }

    public static func with<Result>(
        isolation: isolated (any Actor)? = #isolation, _ body: (String) async throws -> Result
    ) async throws -> Result {
        let path = make()
        do {
            let result = try await body(path)
            await remove(path)
            return result
        } catch {
            await remove(path)
            throw error
        }
    }
}
