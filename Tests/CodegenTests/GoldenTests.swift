import TestSupport
import Testing

@Suite struct GoldenTests {
    private static let root = TestFile.packageRoot(above: #filePath)
    private static let protos = [
        "golden/common/v1/common.proto", "golden/v1/service.proto", "golden/v1/shapes.proto",
        "golden/v1/values.proto",
    ]

    @Test func `the plugin writes byte for byte what is checked in`() async throws {
        try await TemporaryDirectory.with { folder in
            let output = try await Self.generate(
                Self.protos, from: "\(Self.root)/Tests/CodegenTests/Protos", into: folder,
                options: "module=CGolden,catalogue=GoldenCatalogue,runtime=EventProtos")
            try #require(output.exitCode == 0, "\(output.text)")
            let expected = "\(Self.root)/Tests/CodegenTests/Golden"
            let names = TestFile.names(in: folder)
            #expect(names == TestFile.names(in: expected))
            #expect(names.count == 8)
            for name in names {
                let written = TestFile.read("\(folder)/\(name)")
                let known = TestFile.read("\(expected)/\(name)")
                #expect(written == known, "\(name) differs: run codegen/generate.sh and look at it")
            }
        }
    }

    @Test(arguments: [
        ("syntax = \"proto2\"; package p; message M {}", "x.proto is not proto3"),
        ("syntax = \"proto3\"; message M {}", "x.proto has no package"),
    ])
    func `a file that has no Swift form is refused by name`(
        source: String, complaint: String
    ) async throws {
        try await TemporaryDirectory.with { folder in
            TestFile.write(Array(source.utf8), to: "\(folder)/x.proto")
            let output = try await Self.generate(
                ["x.proto"], from: folder, into: folder, options: "")
            #expect(output.exitCode == 1)
            #expect(output.text == "--apus_out: \(complaint)\n")
        }
    }

    @Test func `an unknown option is refused`() async throws {
        try await TemporaryDirectory.with { folder in
            let source = "syntax = \"proto3\"; package p; message M {}"
            TestFile.write(Array(source.utf8), to: "\(folder)/x.proto")
            let output = try await Self.generate(
                ["x.proto"], from: folder, into: folder, options: "colour=blue")
            #expect(output.exitCode == 1)
            #expect(output.text.contains("unknown option colour=blue"))
        }
    }

    private static func generate(
        _ files: [String], from root: String, into folder: String, options: String
    ) async throws -> TestProcess.Output {
        let plugin = "\(TestFile.products)/protoc-gen-apus"
        return try await TestProcess.run(
            [
                "/usr/bin/protoc", "-I\(root)", "--plugin=protoc-gen-apus=\(plugin)",
                "--apus_out=\(options):\(folder)",
            ] + files)
    }
}
