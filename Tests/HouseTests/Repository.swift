import FoundationEssentials
import TestSupport

/// The checkout that these tests were built from.
enum Repository {
    struct SourceFile {
        /// From the repository's root.
        let path: String
        let text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

        /// `Sources/IO/Loop/IOLoop.swift` → `IO`.
        var target: String? {
            let parts = path.split(separator: "/")
            if path.hasPrefix("codegen/") || path.hasPrefix("Tests/") { return String(parts[1]) }
            return parts.count > 2 ? String(parts[1]) : nil
        }

        /// The modules that it imports.
        var imports: [String] {
            lines.compactMap { line in
                let words = line.split(separator: " ")
                guard let index = words.firstIndex(of: "import"), index <= 2,
                    index + 1 < words.count,
                    words[..<index].allSatisfy({ Self.modifiers.contains(String($0)) })
                else { return nil }
                return String(words[index + 1].prefix { $0 != "." })
            }
        }

        private static let modifiers: Set<String> = [
            "public", "package", "internal", "private", "fileprivate", "@testable", "@_exported",
            "@preconcurrency",
        ]
    }

    static let root: String = {
        var parts = #filePath.split(separator: "/")
        parts.removeLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    /// Files that people write; generated ones and golden ones are left out.
    static func swiftFiles(below folders: [String]) throws -> [SourceFile] {
        try folders.flatMap { folder in
            try FileManager.default.subpathsOfDirectory(atPath: "\(root)/\(folder)")
                .filter { $0.hasSuffix(".swift") }
                .filter { !$0.contains("Generated/") && !$0.contains("Golden/") }
                .map { try read("\(folder)/\($0)") }
        }
    }

    static func sqlFiles() throws -> [SourceFile] {
        let folder = "Sources/PostgresLog/SQL"
        return try FileManager.default.contentsOfDirectory(atPath: "\(root)/\(folder)")
            .map { try read("\(folder)/\($0)") }
    }

    static func read(_ path: String) throws -> SourceFile {
        let data = try Data(contentsOf: URL(filePath: "\(root)/\(path)"))
        return SourceFile(path: path, text: String(decoding: data, as: UTF8.self))
    }

    /// Each target's declared dependencies, as SwiftPM understands the manifest.
    static func declaredDependencies() async throws -> [String: Set<String>] {
        // The folder of this build is locked while its tests run.
        let scratch = "\(root)/.build/manifest"
        let output = try await TestProcess.run(
            [
                "/usr/bin/env", "swift", "package", "--scratch-path", scratch, "dump-package",
            ],
            environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? ""],
            directory: root)
        guard let start = output.text.firstIndex(of: "{") else { return [:] }
        let manifest = try JSONDecoder().decode(
            Manifest.self, from: Data(output.text[start...].utf8))
        return Dictionary(
            uniqueKeysWithValues: manifest.targets.map { target in
                (target.name, Set(target.dependencies.flatMap(\.names)))
            })
    }

    private struct Manifest: Decodable {
        let targets: [Target]
    }

    private struct Target: Decodable {
        let name: String
        let dependencies: [Dependency]
    }

    private struct Dependency: Decodable {
        let byName: [String?]?
        let target: [String?]?

        var names: [String] { ((byName ?? []) + (target ?? [])).compactMap { $0 } }
    }
}
