import GRPC

extension FuzzEntries {
    /// The first byte chooses the code, the rest is a header field's value in it.
    ///
    /// What decodes encodes, and decodes to the same again.
    public static func texts(_ input: [UInt8]) {
        guard let choice = input.first else { return }
        let rest = Array(input.dropFirst())
        switch choice % 3 {
        case 0: timeout(rest)
        case 1: percent(rest)
        default: base64(rest)
        }
    }

    private static func timeout(_ text: [UInt8]) {
        guard let timeout = CallTimeout.decode(text.span) else { return }
        promise((2...9).contains(text.count), "a timeout of \(text.count) bytes")
        promise(timeout >= .zero, "a negative timeout")
        promise(timeout <= .seconds(99_999_999 * 3_600), "more than eight digits of hours")
        let again = CallTimeout.decode(Array(CallTimeout.encode(timeout).utf8).span)
        promise(again.map { $0 >= timeout } ?? false, "a timeout was rounded down: \(timeout)")
        let excess = (again ?? timeout) - timeout
        promise(excess <= max(timeout / 1_000, .microseconds(1)), "rounded by \(excess)")
    }

    private static func percent(_ bytes: [UInt8]) {
        let text = PercentEncoding.decode(bytes)
        let encoded = PercentEncoding.encode(text)
        promise(encoded.allSatisfy { (0x20...0x7e).contains($0) }, "not printable ASCII")
        promise(PercentEncoding.decode(encoded) == text, "another text: \(text)")
        // Every text goes through, whatever it looks like.
        let plain = String(decoding: bytes, as: UTF8.self)
        promise(PercentEncoding.decode(PercentEncoding.encode(plain)) == plain, "\(plain)")
    }

    private static func base64(_ bytes: [UInt8]) {
        let encoded = Base64.encode(bytes)
        promise(Base64.decode(encoded) == bytes, "bytes change on their way")
        let padded = encoded + [UInt8](repeating: 0x3d, count: (4 - encoded.count % 4) % 4)
        promise(Base64.decode(padded) == bytes, "padding changes the bytes")
        guard let decoded = Base64.decode(bytes) else { return }
        promise(decoded.count <= bytes.count * 3 / 4, "more bytes than the text holds")
        promise(Base64.decode(Base64.encode(decoded)) == decoded, "decoding isn't stable")
    }
}
