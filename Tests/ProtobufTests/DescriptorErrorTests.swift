import Protobuf
import Testing

/// Descriptor sets written by hand, so that they can be wrong.
@Suite struct DescriptorErrorTests {
    private static func file(_ content: [UInt8], path name: String = "a.proto") -> [UInt8] {
        Wire.field(1, Wire.field(1, name) + content + Wire.field(12, "proto3"))
    }

    private static func message(_ name: String, _ content: [UInt8] = []) -> [UInt8] {
        Wire.field(4, Wire.field(1, name) + content)
    }

    private static func field(
        _ name: String, _ number: UInt64, type: UInt64 = 5, more: [UInt8] = []
    ) -> [UInt8] {
        Wire.field(
            2,
            Wire.field(1, name) + Wire.field(3, varint: number) + Wire.field(4, varint: 1)
                + Wire.field(5, varint: type) + more)
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        let what: String
        let set: [UInt8]
        let code: DescriptorError.Code
        var testDescription: String { what }

        init(_ what: String, _ set: [UInt8], _ code: DescriptorError.Code) {
            (self.what, self.set, self.code) = (what, set, code)
        }
    }

    static let refused: [Refused] = [
        Refused("half a file", [0x0a, 5, 1], .malformed),
        Refused("a name that is no UTF-8", file(message("M") + Wire.field(2, [0xff])), .malformed),
        Refused("a name that is no identifier", file(message("M-1")), .invalid),
        Refused("a name with a digit first", file(message("1M")), .invalid),
        Refused("no name", file(message("")), .invalid),
        Refused("a package with an empty part", file(Wire.field(2, "a..b")), .invalid),
        Refused("no path", file(message("M"), path: ""), .invalid),
        Refused("two messages of one name", file(message("M") + message("M")), .duplicate),
        Refused("two files of one path", file(message("M")) + file(message("N")), .duplicate),
        Refused("a missing import", file(Wire.field(3, "b.proto")), .unresolved),
        Refused("field number 0", file(message("M", field("a", 0))), .invalid),
        Refused("a reserved field number", file(message("M", field("a", 19_000))), .invalid),
        Refused("a field number too high", file(message("M", field("a", 1 << 29))), .invalid),
        Refused(
            "a number used twice", file(message("M", field("a", 1) + field("b", 1))), .duplicate),
        Refused("a name used twice", file(message("M", field("a", 1) + field("a", 2))), .duplicate),
        Refused("type 19", file(message("M", field("a", 1, type: 19))), .invalid),
        Refused(
            "an unknown type",
            file(message("M", field("a", 1, type: 11, more: Wire.field(6, ".N")))),
            .unresolved),
        Refused(
            "an enum where a message is said",
            file(
                message("M", field("a", 1, type: 14, more: Wire.field(6, ".M")))), .unresolved),
        Refused(
            "a oneof that is not there",
            file(message("M", field("a", 1, more: Wire.field(9, varint: 0)))),
            .invalid),
        Refused(
            "an empty oneof", file(message("M", Wire.field(8, Wire.field(1, "o")))), .invalid),
        Refused("an enum without values", file(Wire.field(5, Wire.field(1, "E"))), .invalid),
        Refused(
            "a map entry without a value",
            file(message("M", field("key", 1) + Wire.field(7, Wire.field(7, varint: 1)))), .invalid),
        Refused(
            "editions",
            Wire.field(1, Wire.field(1, "a.proto") + Wire.field(12, "editions")), .invalid),
        Refused(
            "a Timestamp of another shape",
            file(Wire.field(2, "google.protobuf") + message("Timestamp", field("a", 1))), .invalid),
        Refused(
            "a method of a type that is not there",
            file(
                Wire.field(
                    6,
                    Wire.field(1, "S")
                        + Wire.field(
                            2, Wire.field(1, "Do") + Wire.field(2, ".N") + Wire.field(3, ".N")))),
            .unresolved),
        Refused("messages declared 40 deep", file(deep(40)), .tooLarge),
        Refused(
            "a name of 600 bytes", file(message(String(repeating: "a", count: 600))), .tooLarge),
    ]

    private static func deep(_ levels: Int) -> [UInt8] {
        var inner: [UInt8] = []
        for _ in 1..<levels { inner = Wire.field(3, Wire.field(1, "M") + inner) }
        return message("M", inner)
    }

    @Test(arguments: refused) func `a set that cannot be is refused`(_ refused: Refused) {
        do throws(DescriptorError) {
            _ = try DescriptorPool(fileDescriptorSet: refused.set)
            Issue.record("it was accepted")
        } catch {
            #expect(error.code == refused.code, "\(error)")
        }
    }

    @Test func `files may come in any order, and twice if they are equal`() throws {
        let reference = Self.field("b", 1, type: 11, more: Wire.field(6, ".B"))
        let a = Self.file(Wire.field(3, "b.proto") + Self.message("A", reference))
        let b = Self.file(Self.message("B"), path: "b.proto")
        let pool = try DescriptorPool(fileDescriptorSet: a + b + a)
        #expect(pool.files.map(\.path) == ["a.proto", "b.proto"])
        #expect(pool.message("A")?.field(named: "b")?.messageType == pool.message("B"))
    }

    @Test func `names without a dot in front are looked up from the inside out`() throws {
        let inner = Wire.field(3, Wire.field(1, "B"))
        let outer = Self.message(
            "A", inner + Self.field("b", 1, type: 11, more: Wire.field(6, "B")))
        let pool = try DescriptorPool(
            fileDescriptorSet: Self.file(Wire.field(2, "p.q") + outer + Self.message("B")))
        #expect(
            pool.message("p.q.A")?.field(named: "b")?.messageType?.fullName == "p.q.A.B")
    }

    @Test func `an empty set is an empty pool`() throws {
        #expect(try DescriptorPool(fileDescriptorSet: []).files.isEmpty)
    }
}
