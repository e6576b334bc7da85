// swift-tools-version: 6.2
import PackageDescription

// Every target: Swift 6, warnings are errors, imports are internal unless said otherwise.
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
    // An async function runs where its caller runs: a call's whole path stays on its loop, without
    // a switch of executors at each function.
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

// The layers that every byte passes. Checks of exclusive access at run time were 8 % of a call's
// instructions; debug builds, in which the tests run, keep them.
let hot: [SwiftSetting] = [
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))
]

// A server's thousands of small blocks live across its threads and are freed in bursts, which glibc's
// allocator answers with its slow paths. Debug builds keep glibc's, which the sanitizers replace.
let allocator: LinkerSetting = .linkedLibrary("jemalloc", .when(configuration: .release))

// Targets that touch C say `unsafe` at each unsafe expression.
let strict: [SwiftSetting] = house + [.strictMemorySafety()]

/// A module map and a `shim.h`; `libraries` are what its users link.
func cLibrary(_ name: String, libraries: [String] = [], dependencies: [String] = []) -> Target {
    .target(
        name: name,
        dependencies: dependencies.map { .byName(name: $0) },
        linkerSettings: libraries.map { .linkedLibrary($0) })
}

/// What `apus version` says the binary was built from. The Makefile sets it: the manifest is cached,
/// so what it could ask git itself would be out of date.
let commit = Context.environment["APUS_COMMIT"] ?? "development"

func swiftTarget(
    _ name: String, _ dependencies: [String], settings: [SwiftSetting] = house,
    resources: [Resource] = []
) -> Target {
    .target(
        name: name, dependencies: dependencies.map { .byName(name: $0) }, resources: resources,
        swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [String], exclude: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies.map { .byName(name: $0) }, exclude: exclude,
        swiftSettings: house)
}

let package = Package(
    name: "apus",
    products: [
        // For services that run handlers of their own: `examples/embedded`.
        .library(
            name: "ApusEmbedding",
            targets: ["ApusEmbedding", "EventProtos", "Events", "Protobuf", "Telemetry"]),
        .executable(name: "apus", targets: ["apus"]),
        .executable(name: "apus-load", targets: ["apus-load"]),
        .executable(name: "runtime-bench-server", targets: ["runtime-bench-server"]),
        .executable(name: "protoc-gen-apus", targets: ["protoc-gen-apus"]),
    ],
    targets: [
        // C libraries of the system.
        cLibrary("CLinux"),
        cLibrary("CNghttp2", libraries: ["nghttp2"]),
        cLibrary("COpenSSL", libraries: ["ssl", "crypto"]),
        cLibrary("CLibpq", libraries: ["pq"]),
        cLibrary("CProtobufC", libraries: ["protobuf-c"]),
        cLibrary("CZlib", libraries: ["z"]),
        cLibrary("CYaml", libraries: ["yaml"]),
        cLibrary("CCurl", libraries: ["curl"]),
        .target(
            name: "CProcess", cSettings: [.define("APUS_COMMIT", to: "\"\(commit)\"")]),
        // protoc-c's output.
        cLibrary("CDescriptorProtos", dependencies: ["CProtobufC"]),
        cLibrary("CProtos", dependencies: ["CDescriptorProtos", "CProtobufC"]),

        // Layers, lowest first.
        swiftTarget("Telemetry", []),
        swiftTarget("Configuration", ["CYaml"], settings: strict),
        swiftTarget("Digests", ["COpenSSL"], settings: strict),
        swiftTarget("Compression", ["CZlib", "Telemetry"], settings: strict),
        swiftTarget("IO", ["CLinux", "COpenSSL", "Telemetry"], settings: strict + hot),
        swiftTarget("HTTP2", ["CNghttp2", "IO", "Telemetry"], settings: strict + hot),
        swiftTarget(
            "GRPC", ["Compression", "HTTP2", "IO", "Telemetry"], settings: house + hot),
        swiftTarget("Protobuf", ["CProtobufC", "CDescriptorProtos"], settings: strict + hot),
        swiftTarget("Postgres", ["CLibpq", "CLinux", "IO", "Telemetry"], settings: strict),
        swiftTarget("Events", ["Telemetry"]),
        swiftTarget(
            "EventProtos", ["CProtos", "CProtobufC", "Protobuf", "GRPC", "Telemetry"],
            settings: strict),
        swiftTarget(
            "PostgresLog", ["Events", "IO", "Postgres", "Telemetry"],
            resources: [.embedInCode("SQL")]),
        swiftTarget(
            "EventService", ["Digests", "Events", "EventProtos", "GRPC", "Protobuf", "Telemetry"]),
        swiftTarget("Handlers", ["Digests", "Events", "EventProtos", "Protobuf", "Telemetry"]),
        swiftTarget(
            "Neighbours", ["Events", "EventProtos", "GRPC", "IO", "Protobuf", "Telemetry"]),
        swiftTarget(
            "Webhooks", ["CCurl", "Digests", "Events", "IO", "Protobuf", "Telemetry"],
            settings: strict),
        swiftTarget(
            "Hosting", ["EventService", "Events", "IO", "Postgres", "PostgresLog", "Telemetry"]),
        swiftTarget(
            "ApusEmbedding",
            [
                "EventProtos", "EventService", "Events", "Hosting", "IO", "Postgres", "PostgresLog",
                "Protobuf", "Telemetry",
            ]),
        .executableTarget(
            name: "apus",
            dependencies: [
                "CProcess", "Telemetry", "IO", "HTTP2", "GRPC", "Protobuf", "Postgres", "Events",
                "EventProtos", "PostgresLog", "EventService", "Handlers", "Hosting", "Neighbours",
                "Configuration", "Webhooks",
            ],
            swiftSettings: house,
            // A crash report names functions only when they are in the dynamic symbol table.
            linkerSettings: [.unsafeFlags(["-Xlinker", "--export-dynamic"]), allocator]),

        // Puts load on a server, for `make bench`.
        .executableTarget(
            name: "apus-load",
            dependencies: ["EventProtos", "GRPC", "IO", "Protobuf", "Telemetry"],
            path: "Tests/Benchmarks/Load", swiftSettings: house),

        // The runtime with nothing behind it, for `make bench` and the tests of allocations.
        .executableTarget(
            name: "runtime-bench-server",
            dependencies: ["EventProtos", "GRPC", "IO", "Telemetry"],
            path: "Tests/Benchmarks/RuntimeServer", swiftSettings: house,
            linkerSettings: [allocator]),

        // The protoc plugin. Nothing in Sources imports it.
        .executableTarget(
            name: "protoc-gen-apus", dependencies: ["CDescriptorProtos", "CProtobufC"],
            path: "codegen/protoc-gen-apus", swiftSettings: strict),

        // gRPC's interop suite: a server and a client for tests alone.
        .target(
            name: "CInteropProtos", dependencies: ["CProtobufC"],
            path: "Tests/Interop/CInteropProtos"),
        .target(
            name: "InteropSupport",
            dependencies: ["CInteropProtos", "CProtobufC", "EventProtos", "GRPC", "Protobuf"],
            path: "Tests/Interop/InteropSupport", swiftSettings: strict),
        .executableTarget(
            name: "interop-server",
            dependencies: ["EventProtos", "GRPC", "IO", "InteropSupport", "Telemetry"],
            path: "Tests/Interop/InteropServer", swiftSettings: house),
        .executableTarget(
            name: "interop-client",
            dependencies: ["EventProtos", "GRPC", "IO", "InteropSupport", "Protobuf"],
            path: "Tests/Interop/InteropClient", swiftSettings: house),

        // What tests share. A plain target, so that every test target can use it.
        .target(
            name: "TestSupport",
            dependencies: ["IO", "Postgres", "Telemetry"].map { .byName(name: $0) },
            path: "Tests/TestSupport", swiftSettings: house),
        .target(
            name: "CTestCertificates", dependencies: ["COpenSSL"], path: "Tests/CTestCertificates",
            linkerSettings: [.linkedLibrary("crypto")]),
        .target(
            name: "TestCertificates", dependencies: ["CTestCertificates"],
            path: "Tests/TestCertificates", swiftSettings: house),
        tests("HouseTests", ["TestSupport"]),
        tests("TelemetryTests", ["Telemetry", "TestSupport"]),
        tests("ConfigurationTests", ["Configuration", "TestSupport"]),
        tests("DigestsTests", ["Digests"]),
        tests("CompressionTests", ["Compression"]),
        tests("PostgresTests", ["IO", "Postgres", "Telemetry", "TestSupport"]),
        tests("IOTests", ["IO", "Telemetry", "TestCertificates"]),
        tests("HTTP2Tests", ["HTTP2", "IO", "Telemetry"]),
        tests("GRPCTests", ["GRPC", "HTTP2", "IO", "Telemetry", "TestCertificates"]),
        .target(
            name: "CGolden", dependencies: ["CProtobufC"], path: "Tests/CGolden"),
        tests(
            "CodegenTests",
            [
                "CGolden", "CProtobufC", "EventProtos", "GRPC", "IO", "Protobuf", "Telemetry",
                "TestSupport", "protoc-gen-apus",
            ], exclude: ["Protos"]),
        tests("EventProtosTests", ["EventProtos", "GRPC", "Protobuf", "TestSupport"]),
        tests("ProtobufTests", ["Protobuf", "TestSupport"], exclude: ["Fixtures"]),
        // What the fuzzers call; their corpus runs as a test.
        .target(
            name: "FuzzEntries",
            dependencies: ["Compression", "EventProtos", "GRPC", "HTTP2", "Protobuf"],
            path: "Tests/Fuzz/FuzzEntries", swiftSettings: house),
        tests("FuzzTests", ["FuzzEntries", "TestSupport"]),
        tests(
            "PostgresLogTests",
            [
                "Digests", "EventProtos", "Events", "Handlers", "IO", "Postgres", "PostgresLog",
                "Protobuf", "Telemetry", "TestSupport",
            ]),
        tests(
            "EventServiceTests",
            ["EventProtos", "EventService", "Events", "GRPC", "IO", "Protobuf", "Telemetry"]),
        tests(
            "NeighboursTests",
            [
                "EventProtos", "Events", "GRPC", "IO", "Neighbours", "Protobuf", "Telemetry",
                "TestSupport",
            ]),
        tests(
            "ApusTests",
            [
                "Configuration", "EventProtos", "Events", "GRPC", "Handlers", "IO", "Neighbours",
                "Telemetry", "TestCertificates", "Webhooks", "apus",
            ]),
        tests(
            "ApusEmbeddingTests",
            [
                "ApusEmbedding", "EventProtos", "Events", "Postgres", "Protobuf",
                "Telemetry", "TestSupport",
            ]),
        tests(
            "WebhooksTests",
            ["CCurl", "EventProtos", "Events", "IO", "Protobuf", "Telemetry", "Webhooks"]),
        tests(
            "HandlersTests",
            ["EventProtos", "Events", "Handlers", "Protobuf", "Telemetry", "TestSupport"]),
        tests("EventsTests", ["Events", "Telemetry", "TestSupport"]),
    ]
)

// libFuzzer takes over `main`, so the fuzzers exist only for `Tests/Fuzz/run`, which asks for them.
if Context.environment["APUS_FUZZ"] != nil {
    package.targets.append(.target(name: "CFuzzer", path: "Tests/Fuzz/CFuzzer"))
    let fuzzers = [
        "FuzzDecode", "FuzzJSON", "FuzzDeframer", "FuzzDescriptors", "FuzzTexts", "FuzzMetadata",
        "FuzzSession", "FuzzInflate",
    ]
    package.targets += fuzzers.map { name in
        .executableTarget(
            name: name, dependencies: ["CFuzzer", "FuzzEntries"], path: "Tests/Fuzz/\(name)",
            swiftSettings: house + [.unsafeFlags(["-parse-as-library"])])
    }
}
