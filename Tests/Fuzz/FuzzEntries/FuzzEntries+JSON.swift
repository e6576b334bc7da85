import Protobuf

extension FuzzEntries {
    /// Every shape that a message can have, and every well-known type.
    private static let pool: DescriptorPool = {
        do {
            return try DescriptorPool(
                fileDescriptorSet: file("ProtobufTests/Fixtures/everything.pb"))
        } catch {
            fatalError("the fixture is broken: \(error)")
        }
    }()

    private static let types = [
        "apus.test.v1.Everything", "google.protobuf.Struct", "google.protobuf.Any",
        "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask",
        "apus.test.v1.Legacy",
    ].map { pool.requiredMessage($0) }

    /// The first byte chooses a type and a direction, the rest is text or a message.
    ///
    /// What parses passes the scan and prints; what prints parses, and prints the same again.
    public static func json(_ input: [UInt8]) {
        guard let choice = input.first else { return }
        let type = types[Int(choice & 0x7f) % types.count]
        let rest = Array(input.dropFirst())
        if choice & 0x80 == 0 { parse(rest, as: type) } else { print(rest, as: type) }
    }

    private static func parse(_ text: [UInt8], as type: MessageDescriptor) {
        for ignoreUnknown in [false, true] {
            var options = ProtobufJSON.ParseOptions()
            options.ignoreUnknown = ignoreUnknown
            guard
                let bytes = try? ProtobufJSON.decode(
                    utf8: text, as: type, pool: pool, options: options)
            else { continue }
            do throws(DecodingError) {
                try WireScan.check(bytes, as: type)
            } catch {
                // JSON leaves a proto2 `required` field out without a complaint.
                promise(error.code == .missingRequired, "what was parsed does not scan: \(error)")
                continue
            }
            promise(print(bytes, as: type), "what was parsed does not print")
        }
    }

    @discardableResult
    private static func print(_ bytes: [UInt8], as type: MessageDescriptor) -> Bool {
        guard let text = try? ProtobufJSON.encode(bytes, as: type, pool: pool) else { return false }
        do throws(JSONError) {
            let again = try ProtobufJSON.decode(text, as: type, pool: pool)
            let printed = try ProtobufJSON.encode(again, as: type, pool: pool)
            promise(printed == text, "printing is not stable: \(text) / \(printed)")
            var options = ProtobufJSON.PrintOptions.pretty
            options.defaults = true
            let pretty = try ProtobufJSON.encode(bytes, as: type, pool: pool, options: options)
            let same = try ProtobufJSON.decode(pretty, as: type, pool: pool)
            promise(same == again, "pretty printing means something else: \(text)")
        } catch {
            fatalError("what was printed does not parse: \(error) in \(text)")
        }
        return true
    }
}
