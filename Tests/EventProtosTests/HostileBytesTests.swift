import EventProtos
import Protobuf
import Testing

@Suite struct HostileBytesTests {
    @Test func `a Struct 100,000 deep is an error with a path`() {
        // Struct.fields["k"].struct_value.fields["k"]…, built from the inside.
        var reversed: [UInt8] = []
        for _ in 0..<33_334 {
            Self.wrap(&reversed, tag: 0x2a)  // Value.struct_value
            Self.wrap(&reversed, tag: 0x12)  // FieldsEntry.value
            Self.wrap(&reversed, tag: 0x0a)  // Struct.fields
        }
        let bytes = Array(reversed.reversed())
        let error = #expect(throws: DecodingError.self) {
            try GoogleProtobuf.Struct(decoding: bytes, limits: DecodingLimits(maxBytes: .max))
        }
        #expect(error?.code == .tooDeep)
        #expect(error?.path.isEmpty == false)
    }

    @Test func `every cut of a request is an error or a request, never a crash`() throws {
        let event = ApusV1.Event(
            id: "id", occurredAt: GoogleProtobuf.Timestamp(seconds: 1, nanos: 2),
            metadata: ApusV1.EventMetadata(extra: ["k": "v"]),
            data: GoogleProtobuf.AnyMessage(packing: ApusEventsLeadV1.LeadCreated(leadId: "1")))
        let bytes = ApusV1.PublishRequest(events: [event, event]).encoded()
        var decoded = 0
        for length in 0..<bytes.count {
            if (try? ApusV1.PublishRequest(decoding: Array(bytes[..<length]))) != nil {
                decoded += 1
            }
        }
        #expect(decoded == 2)  // nothing, and the first event
        for index in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << bit
                guard let request = try? ApusV1.PublishRequest(decoding: damaged) else { continue }
                #expect(try ApusV1.PublishRequest(decoding: request.encoded()) == request)
            }
        }
    }

    @Test func `many small elements stay within the memory allowed`() {
        // Two bytes each, and over a hundred in C.
        let bytes = [UInt8](repeating: 0, count: 2_000_000).indices.map {
            UInt8($0 % 2 == 0 ? 0x0a : 0)
        }
        let error = #expect(throws: DecodingError.self) {
            try ApusV1.PublishRequest(decoding: bytes)
        }
        #expect(error?.code == .tooLarge)
    }

    /// Puts a length-delimited field around bytes that are kept back to front.
    private static func wrap(_ reversed: inout [UInt8], tag: UInt8) {
        var length = reversed.count
        var varint: [UInt8] = []
        repeat {
            varint.append(UInt8(length & 0x7f) | (length > 0x7f ? 0x80 : 0))
            length >>= 7
        } while length > 0
        reversed += varint.reversed()
        reversed.append(tag)
    }
}
