import Protobuf
import Testing

@Suite struct DescriptorPoolTests {
    let pool = Fixture.pool
    let everything = Fixture.everything

    @Test func `types are found by full name`() {
        #expect(everything.fullName == "apus.test.v1.Everything")
        #expect(everything.name == "Everything")
        #expect(everything.file.path == "everything.proto")
        #expect(pool.message("apus.test.v1.Nothing") == nil)
        #expect(pool.message("apus.test.v1.Color") == nil)
        #expect(pool.enumeration("apus.test.v1.Color")?.values.count == 4)
        #expect(pool.service("apus.test.v1.Echo")?.methods.count == 4)
        #expect(Fixture.nested.containingMessage == everything)
    }

    @Test func `references are resolved, also in a circle`() {
        #expect(everything.field(named: "self")?.messageType == everything)
        #expect(everything.field(named: "nested")?.messageType == Fixture.nested)
        #expect(everything.field(named: "color")?.enumeration?.fullName == "apus.test.v1.Color")
        let value = everything.field(named: "value")?.messageType
        #expect(
            value?.field(named: "struct_value")?.messageType?.fullName == "google.protobuf.Struct")
    }

    @Test func `fields are found by number, declared name and JSON name`() {
        #expect(everything.field(number: 3)?.name == "an_int32")
        #expect(everything.field(number: 1000)?.name == "far")
        #expect(everything.field(number: 536_870_911)?.name == "farther")
        #expect(everything.field(number: 999) == nil)
        #expect(everything.field(number: 0) == nil)
        #expect(everything.field(number: -1) == nil)
        #expect(everything.field(named: "aDouble") == everything.field(named: "a_double"))
        #expect(everything.field(named: "@type_of")?.name == "renamed")
        #expect(everything.field(named: "odd__Name_")?.jsonName == "oddName")
        #expect(everything.fields.map(\.number) == everything.fields.map(\.number).sorted())
    }

    @Test func `presence, packing and labels follow the syntax`() throws {
        func field(_ name: String) throws -> FieldDescriptor {
            try #require(everything.field(named: name))
        }
        #expect(try field("an_int32").hasPresence == false)
        #expect(try field("nested").hasPresence)
        #expect(try field("maybe_int32").hasPresence)
        #expect(try field("chosen_int32").hasPresence)
        #expect(try field("int32s").hasPresence == false)
        #expect(try field("int32s").isPacked)
        #expect(try field("unpacked").isPacked == false)
        #expect(try field("strings").isPacked == false)
        let legacy = Fixture.legacy
        #expect(legacy.field(named: "name")?.isRequired == true)
        #expect(legacy.field(named: "number")?.hasPresence == true)
        #expect(legacy.field(named: "number")?.defaultText == "7")
        #expect(legacy.field(named: "unpacked")?.isPacked == false)
        #expect(legacy.field(named: "packed")?.isPacked == true)
    }

    @Test func `real oneofs and those of optional fields are told apart`() throws {
        let choice = try #require(everything.oneofs.first)
        #expect(choice.name == "choice")
        #expect(!choice.isSynthetic)
        #expect(choice.fields.count == 7)
        #expect(everything.oneofs.dropFirst().allSatisfy { $0.isSynthetic && $0.fields.count == 1 })
        let maybe = try #require(everything.field(named: "maybe_int32"))
        #expect(maybe.isProto3Optional)
        #expect(maybe.oneof?.isSynthetic == true)
        #expect(maybe.realOneof == nil)
        #expect(everything.field(named: "chosen_null")?.realOneof == choice)
    }

    @Test func `maps are entries with key and value`() throws {
        let map = try #require(everything.field(named: "nested_by_name"))
        #expect(map.isMap)
        #expect(map.mapFields?.key.kind == .string)
        #expect(map.mapFields?.value.messageType == Fixture.nested)
        #expect(map.messageType?.isMapEntry == true)
        #expect(everything.field(named: "nesteds")?.isMap == false)
    }

    @Test func `options stay raw, extensions in them too`() {
        #expect(everything.optionsBytes == Wire.field(50999, "the lot"))
        let found = pool.extensions(of: "google.protobuf.MessageOptions")
        #expect(found.map(\.number) == [50999])
        #expect(found.first?.fullName == "apus.test.v1.label")
        #expect(pool.extensions(of: "apus.test.v1.Legacy").map(\.name) == ["extended"])
    }

    @Test func `methods say what streams`() throws {
        let methods = try #require(pool.service("apus.test.v1.Echo")).methods
        #expect(methods.map(\.name) == ["Unary", "Up", "Down", "Both"])
        #expect(methods.map(\.isClientStreaming) == [false, true, false, true])
        #expect(methods.map(\.isServerStreaming) == [false, false, true, true])
        #expect(methods[3].output == Fixture.nested)
        #expect(methods[3].fullName == "apus.test.v1.Echo.Both")
    }

    @Test func `files keep their bytes and name their imports`() throws {
        let file = try #require(pool.file("everything.proto"))
        #expect(file.syntax == "proto3")
        #expect(file.package == "apus.test.v1")
        #expect(file.dependencies.count == 8)
        #expect(file.dependencies.contains("google/protobuf/any.proto"))
        // What the set holds is field 1 of each file, in order.
        let whole = pool.files.flatMap { Wire.field(1, $0.serialized) }
        #expect(whole == Fixture.bytes("Fixtures/everything.pb"))
    }

    @Test func `every symbol leads to its file`() {
        for symbol in [
            "apus.test.v1.Everything", "apus.test.v1.Everything.Nested.name",
            "apus.test.v1.COLOR_RED", "apus.test.v1.Echo", "apus.test.v1.Echo.Both",
            "apus.test.v1.Everything.choice",
        ] {
            #expect(pool.file(containing: symbol)?.path == "everything.proto", "\(symbol)")
        }
        #expect(pool.file(containing: "apus.test.v1.label")?.path == "legacy.proto")
        #expect(pool.file(containing: "nobody") == nil)
    }
}
