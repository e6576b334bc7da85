import HTTP2
import Testing

@testable import GRPC

@Suite struct WireTests {
    @Test func `base64 is written without padding and read with or without`() {
        let cases: [([UInt8], String, String)] = [
            ([], "", ""), ([0x66], "Zg", "Zg=="), ([0x66, 0x6f], "Zm8", "Zm8="),
            ([0x66, 0x6f, 0x6f], "Zm9v", "Zm9v"), ([0xfb, 0xff], "+/8", "+/8="),
        ]
        for (bytes, bare, padded) in cases {
            #expect(Base64.encode(bytes) == Array(bare.utf8))
            #expect(Base64.decode(Array(bare.utf8)) == bytes)
            #expect(Base64.decode(Array(padded.utf8)) == bytes)
        }
    }

    @Test func `bytes survive base64`() {
        for count in 0..<100 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
    }

    @Test func `what isn't base64 is refused`() {
        for text in ["Z", "Zg=", "Z===", "Zm9vY", "Zm 9", "Zm9v!", "=", "===="] {
            #expect(Base64.decode(Array(text.utf8)) == nil, "\(text)")
        }
    }

    @Test func `percent encoding keeps printable text and survives the round trip`() {
        #expect(PercentEncoding.encode("a b~") == Array("a b~".utf8))
        #expect(PercentEncoding.encode("50%\n€") == Array("50%25%0A%E2%82%AC".utf8))
        #expect(PercentEncoding.encode(" a  b ") == Array("%20a  b%20".utf8))
        #expect(PercentEncoding.encode(" ") == Array("%20".utf8))
        let text = "\t\nTest with \r\nUTF-8: ☺ and %, 100 %25"
        #expect(PercentEncoding.decode(PercentEncoding.encode(text)) == text)
    }

    @Test func `bad percent encoding stands for itself`() {
        for text in ["%", "%4", "%zz", "100%", "%%%"] {
            #expect(PercentEncoding.decode(Array(text.utf8)) == text)
        }
        #expect(PercentEncoding.decode(Array("%ff".utf8)) == "\u{fffd}")
    }

    @Test func `timeouts are read in every unit`() {
        let cases: [(String, Duration)] = [
            ("1H", .seconds(3_600)), ("2M", .seconds(120)), ("3S", .seconds(3)),
            ("4m", .milliseconds(4)), ("5u", .microseconds(5)), ("6n", .nanoseconds(6)),
            ("99999999H", .seconds(99_999_999 * 3_600)), ("0n", .zero),
        ]
        for (text, duration) in cases {
            #expect(CallTimeout.decode(Array(text.utf8).span) == duration)
        }
    }

    @Test func `malformed timeouts are none`() {
        for text in ["", "S", "1", "1s", "1 S", "-1S", "1.5S", "123456789S", "1SS"] {
            let bytes = Array(text.utf8)
            #expect(CallTimeout.decode(bytes.span) == nil, "\(text)")
        }
    }

    @Test func `timeouts are written in the finest unit that fits, rounded up`() {
        let cases: [(Duration, String)] = [
            (.zero, "0n"), (.nanoseconds(1), "1n"), (.milliseconds(20), "20000000n"),
            (.milliseconds(100), "100000u"), (.seconds(1), "1000000u"), (.seconds(100), "100000m"),
            (.seconds(100_000), "100000S"), (.seconds(-1), "0n"),
            (.milliseconds(100) + .nanoseconds(1), "100001u"),
            (.seconds(Int64.max), "99999999H"),
        ]
        for (duration, text) in cases {
            #expect(CallTimeout.encode(duration) == text)
        }
    }

    @Test func `statuses become header fields within what clients take`() {
        let fields = StatusHeaders.encode(
            RPCError(.notFound, "nö", details: [1, 2, 3]), trailing: Metadata())
        #expect(fields.first("grpc-status") == "5")
        #expect(fields.first("grpc-message") == "n%C3%B6")
        #expect(fields.first("grpc-status-details-bin") == "AQID")
        let long = StatusHeaders.encode(
            RPCError(
                .internalError, String(repeating: "€", count: 5_000),
                details: [UInt8](repeating: 0, count: 100_000)), trailing: Metadata())
        #expect((long.first("grpc-message") ?? "").utf8.count <= 1_024)
        #expect(long.first("grpc-message")?.hasSuffix("%") == false)
        // What does not fit is left out, and the status itself repeated.
        let details = Base64.decode(Array((long.first("grpc-status-details-bin") ?? "").utf8))
        let message = RPCError.fitting(String(repeating: "€", count: 5_000))
        #expect(details?.prefix(5) == [0x08, 13, 0x12, 0xd3, 0x02])
        #expect(details.map { String(decoding: $0.dropFirst(5), as: UTF8.self) } == message)
    }

    @Test func `a status without details is a google.rpc.Status all the same`() {
        let fields = StatusHeaders.encode(RPCError(.unimplemented, "no"), trailing: Metadata())
        #expect(fields.first("grpc-status-details-bin") == "CAwSAm5v")
    }

    @Test func `a status stays within 8 KiB of fields whatever its details and metadata are`() {
        for count in stride(from: 4_000, through: 6_144, by: 16) {
            var trailing = Metadata()
            trailing.append("x-note", String(repeating: "n", count: 500))
            let fields = StatusHeaders.encode(
                RPCError(
                    .invalidArgument, String(repeating: "m", count: 1_024),
                    details: [UInt8](repeating: 1, count: count)), trailing: trailing)
            let head = (":status".utf8.count + 3 + 32) + ("content-type".utf8.count + 16 + 32)
            #expect(fields.listBytes + head <= 8_192, "\(count)")
            #expect(fields.first("grpc-status") == "3")
            #expect(fields.first("x-note") != nil)
            if count <= 4_500 { #expect(fields.first("grpc-status-details-bin") != nil) }
        }
    }

    @Test func `an unknown status number reads as UNKNOWN`() {
        #expect(RPCStatusCode(rawValue: 17) == .unknown)
        #expect(RPCStatusCode(rawValue: -1) == .unknown)
        #expect(RPCStatusCode(rawValue: 16) == .unauthenticated)
        #expect(RPCStatusCode.invalidArgument.description == "INVALID_ARGUMENT")
    }
}

@Suite struct MetadataTests {
    @Test func `names are lower case, order is kept, values may repeat`() {
        var metadata = Metadata()
        metadata.append("X-B", "1")
        metadata.append("x-a", "2")
        metadata.append("x-b", " 3 ")
        #expect(metadata.values("x-b") == ["1", "3"])
        #expect(metadata.first("x-a") == "2")
        #expect(metadata.pairs.map(\.name) == ["x-b", "x-a", "x-b"])
    }

    @Test func `binary values survive, and several may share a field`() {
        var metadata = Metadata()
        metadata.appendBinary("k-bin", [0, 255, 10])
        #expect(metadata.binary("k-bin") == [[0, 255, 10]])
        var fields = HeaderFields()
        fields.append("k-bin", "AP8K,AQ==, Ag,!")
        #expect(Metadata(received: fields).binary("k-bin") == [[0, 255, 10], [1], [2]])
    }

    @Test func `what a peer sent that is not printable ASCII is read as question marks`() {
        var fields = HeaderFields()
        fields.append("k", "a\u{301}b\tc")
        fields.append("k", "plain")
        let metadata = Metadata(received: fields)
        #expect(metadata.first("k") == "a??b?c")
        #expect(metadata.values("k") == ["a??b?c", "plain"])
        #expect(metadata.pairs.map(\.value) == ["a??b?c", "plain"])
    }

    @Test func `what HTTP or gRPC would misread is refused`() {
        var metadata = Metadata()
        let bad = [
            ("grpc-status", "0"), (":path", "/"), ("content-type", "x"), ("a b", "x"), ("", "x"),
            ("x", "line\nbreak"), ("x", "ümlaut"), ("x-bin", "x"),
        ]
        for (name, value) in bad {
            let taken = metadata.append(name, value)
            #expect(!taken, "\(name): \(value)")
        }
        let taken = metadata.appendBinary("x", [1])
        #expect(!taken)
        #expect(metadata.isEmpty)
    }
}
