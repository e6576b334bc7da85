import Testing

/// The rules of ARCHITECTURE.md that a compiler does not hold.
@Suite struct HouseTests {
    @Test func `a file imports only what its target declares`() async throws {
        let declared = try await Repository.declaredDependencies()
        try #require(declared.count > 20)
        for file in try Repository.swiftFiles(below: ["Sources", "codegen"]) {
            guard let target = file.target, let allowed = declared[target] else {
                Issue.record("\(file.path) belongs to no target")
                continue
            }
            for module in file.imports where declared[module] != nil {
                #expect(allowed.contains(module), "\(file.path) imports \(module)")
            }
        }
    }

    @Test func `the rules touch no input, output, C or SQL`() throws {
        for file in try Repository.swiftFiles(below: ["Sources/Events"]) {
            let allowed: Set<String> = ["Telemetry", "Synchronization"]
            #expect(
                Set(file.imports).isSubset(of: allowed), "\(file.path) imports \(file.imports)")
        }
    }

    @Test func `only tests and tools import Foundation`() throws {
        for file in try Repository.swiftFiles(below: ["Sources", "codegen"]) {
            #expect(!file.imports.contains("Foundation"), "\(file.path)")
        }
    }

    @Test func `a file has 400 lines at most`() throws {
        for file in try Repository.swiftFiles(below: ["Sources", "Tests", "codegen"]) {
            #expect(file.lines.count <= 400, "\(file.path) has \(file.lines.count)")
        }
    }

    @Test func `tasks begin in the one place that starts calls`() throws {
        let starters: Set<String> = ["Sources/GRPC/Server/ServerStream.swift"]
        for file in try Repository.swiftFiles(below: ["Sources"])
        where !starters.contains(file.path) {
            for line in file.lines {
                let words = line.prefix { $0 != "/" }.split { !$0.isLetter && $0 != "." }
                #expect(
                    !line.contains(" Task {") && !words.contains("Task.detached"),
                    "\(file.path): \(line)")
            }
        }
    }

    @Test func `nothing traps on input`() throws {
        for file in try Repository.swiftFiles(below: ["Sources", "codegen"]) {
            for line in file.lines where !line.drop(while: { $0 == " " }).hasPrefix("//") {
                for trap in ["try!", "fatalError(", "nonisolated(unsafe)"] {
                    #expect(!line.contains(trap), "\(file.path): \(line)")
                }
            }
        }
    }

    @Test func `each statement is a file that begins with what it is for`() throws {
        let files = try Repository.sqlFiles()
        try #require(files.count > 5)
        for file in files {
            #expect(file.text.hasPrefix("-- "), "\(file.path)")
            let name = file.path.split(separator: "/").last ?? ""
            #expect(name.allSatisfy { $0.isLowercase || $0.isNumber || "_.".contains($0) })
        }
    }

    @Test func `no other target than PostgresLog holds SQL`() throws {
        let words = ["SELECT ", "INSERT INTO ", "UPDATE apus.", "DELETE FROM ", "select * from"]
        for file in try Repository.swiftFiles(below: ["Sources"])
        where !["PostgresLog", "Postgres"].contains(file.target) {
            for word in words {
                #expect(!file.text.contains(word), "\(file.path) holds \(word)")
            }
        }
    }
}
