import GRPC
import HTTP2

extension FuzzEntries {
    /// Header fields as a peer may send them, each a byte with its lengths, a name and a value: what
    /// handlers read of them.
    public static func metadata(_ input: [UInt8]) {
        var fields = HeaderFields()
        var sent: [(name: [UInt8], value: [UInt8])] = []
        var rest = input[...]
        while let lengths = rest.popFirst() {
            let name = Array(rest.prefix(Int(lengths & 15)))
            rest = rest.dropFirst(name.count)
            let value = Array(rest.prefix(Int(lengths >> 4) * 4))
            rest = rest.dropFirst(value.count)
            // Every other name is one of bytes.
            let suffix = lengths & 1 == 0 ? Array("-bin".utf8) : []
            sent.append((name + suffix, value))
            fields.append((name + suffix).span, value.span)
        }
        let metadata = Metadata(received: fields)
        promise(metadata.count == sent.count, "fields got lost")
        promise(fields.listBytes == listBytes(sent), "the list's size is miscounted")
        var index = 0
        for (name, value) in metadata.pairs {
            promise(name == String(decoding: sent[index].name, as: UTF8.self), "a name changed")
            let sentValue = sent[index].value
            let printable = sentValue.map { (0x20...0x7e).contains($0) ? $0 : UInt8(ascii: "?") }
            promise(Array(value.utf8) == printable, "a value changed")
            if Array(name.utf8) == sent[index].name {
                promise(metadata.values(name).contains(value), "a value isn't found by its name")
            }
            index += 1
            promise(metadata.first(name) == metadata.values(name).first, "not the first value")
            _ = metadata.binary(name)
            resend(name, String(decoding: sentValue, as: UTF8.self))
        }
    }

    private static func listBytes(_ fields: [(name: [UInt8], value: [UInt8])]) -> Int {
        fields.reduce(0) { $0 + $1.name.count + $1.value.count + HeaderFields.overhead }
    }

    /// What a handler may send arrives as it was; the rest is refused.
    private static func resend(_ name: String, _ value: String) {
        var metadata = Metadata()
        if metadata.append(name, value) {
            promise(!name.lowercased().hasSuffix("-bin"), "text under a name of bytes")
            let trimmed = metadata.first(name.lowercased())
            promise(trimmed.map(value.contains) ?? false, "the value changed")
            promise(metadata.pairs[0].name.utf8.allSatisfy { $0 > 0x20 }, "no name")
        }
        let bytes = Array(value.utf8)
        if metadata.appendBinary(name, bytes) {
            promise(metadata.binary(name.lowercased()).last == bytes, "the bytes changed")
        }
    }
}
