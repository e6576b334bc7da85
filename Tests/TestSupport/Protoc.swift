/// The compiler of protobuf's makers, as a second opinion on bytes.
public struct Protoc: Sendable {
    /// What went wrong, in its words.
    public struct Failure: Error { public let text: String }

    private let roots: [String]
    private let files: [String]

    /// - Parameters:
    ///   - roots: Folders that imports are found in.
    ///   - files: Relative to one of them.
    public init(roots: [String], files: [String]) {
        self.roots = roots
        self.files = files
    }

    /// - Parameter text: In the text format.
    public func encode(_ text: String, as message: String) async throws -> [UInt8] {
        try await run("--encode=\(message)", Array(text.utf8))
    }

    /// - Returns: In the text format.
    public func decode(_ bytes: [UInt8], as message: String) async throws -> String {
        String(decoding: try await run("--decode=\(message)", bytes), as: UTF8.self)
    }

    private func run(_ action: String, _ input: [UInt8]) async throws -> [UInt8] {
        try await TemporaryDirectory.with { folder in
            TestFile.write(input, to: "\(folder)/in")
            let includes = roots.map { "-I\($0)" } + ["-I/usr/include"]
            let words = ["protoc", action, "--deterministic_output"].prefix(
                action.hasPrefix("--encode") ? 3 : 2)
            let command = (words + includes + files).joined(separator: " ")
            let script = "\(command) < \(folder)/in > \(folder)/out"
            let output = try await TestProcess.run(["/bin/sh", "-c", script])
            guard output.exitCode == 0, let bytes = TestFile.read("\(folder)/out") else {
                throw Failure(text: output.text)
            }
            return bytes
        }
    }
}
