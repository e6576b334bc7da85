// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "lead-desk",
    dependencies: [.package(name: "apus", path: "../..")],
    targets: [
        .executableTarget(
            name: "lead-desk", dependencies: [.product(name: "ApusEmbedding", package: "apus")])
    ]
)
