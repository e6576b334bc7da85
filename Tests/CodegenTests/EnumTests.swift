import Protobuf
import Testing

@Suite struct EnumTests {
    @Test func `a number that the schema lacks survives`() throws {
        let scalars = GoldenV1.Scalars(colour: .unrecognized(42))
        #expect(try GoldenV1.Scalars(decoding: scalars.encoded()) == scalars)
        #expect(GoldenV1.Colour(rawValue: 42) == .unrecognized(42))
        #expect(GoldenV1.Colour.unrecognized(-7).rawValue == -7)
    }

    @Test func `a second name of a number is the first`() {
        #expect(GoldenV1.Colour.azure == .blue)
        #expect(GoldenV1.Colour.azure.rawValue == 1)
    }

    @Test func `the enum's name is cut off only when every value bears it`() {
        #expect(GoldenV1.Level.low.rawValue == 0)
        #expect(GoldenV1.Colour.noneAtAll.rawValue == -1)
    }
}
