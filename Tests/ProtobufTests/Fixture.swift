import Protobuf
import TestSupport

/// Files beside the tests, and the descriptors made of them.
enum Fixture {
    /// `Fixtures/everything.proto` and `legacy.proto` with all that they import.
    static let pool: DescriptorPool = {
        do {
            return try DescriptorPool(fileDescriptorSet: bytes("Fixtures/everything.pb"))
        } catch {
            preconditionFailure("the fixture is broken: \(error)")
        }
    }()

    static let everything = pool.requiredMessage("apus.test.v1.Everything")
    static let nested = pool.requiredMessage("apus.test.v1.Everything.Nested")
    static let legacy = pool.requiredMessage("apus.test.v1.Legacy")
    static let structure = pool.requiredMessage("google.protobuf.Struct")

    /// - Parameter path: Below `Tests/ProtobufTests`.
    static func bytes(_ path: String, from file: String = #filePath) -> [UInt8] {
        let folder = file.split(separator: "/").dropLast().joined(separator: "/")
        guard let content = TestFile.read("/\(folder)/\(path)") else {
            preconditionFailure("cannot open \(path)")
        }
        return content
    }
}

/// Writes wire bytes by hand, right or wrong.
struct Wire {
    var bytes: [UInt8] = []

    static func varint(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        while rest > 0x7f {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    static func tag(_ number: Int, _ type: Int) -> [UInt8] { varint(UInt64(number << 3 | type)) }

    static func field(_ number: Int, varint value: UInt64) -> [UInt8] {
        tag(number, 0) + varint(value)
    }

    static func field(_ number: Int, _ content: [UInt8]) -> [UInt8] {
        tag(number, 2) + varint(UInt64(content.count)) + content
    }

    static func field(_ number: Int, _ text: String) -> [UInt8] {
        field(number, Array(text.utf8))
    }

    static func field(_ number: Int, fixed64 value: UInt64) -> [UInt8] {
        tag(number, 1) + (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }

    static func field(_ number: Int, fixed32 value: UInt32) -> [UInt8] {
        tag(number, 5) + (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }
    }
}
