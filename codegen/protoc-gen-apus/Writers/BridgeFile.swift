/// What carries the messages of one `.proto` file to C and back.
struct BridgeFile {
    let content: String

    init(_ path: String, _ messages: [SwiftMessage], module: String, catalogue: String) {
        var writer = SourceWriter.file(from: path)
        writer.gap()
        writer.line("import CProtobufC")
        writer.line("import \(module)")
        writer.line("public import Protobuf")
        for message in messages {
            writer.gap()
            writer.block("extension \(message.fullName): Message") { writer in
                BridgeFile.writeConformance(message, catalogue: catalogue, to: &writer)
                writer.gap()
                DecodingWriter.write(message, to: &writer)
                writer.gap()
                EncodingWriter.write(message, to: &writer)
            }
        }
        content = writer.text
    }

    private static func writeConformance(
        _ message: SwiftMessage, catalogue: String, to writer: inout SourceWriter
    ) {
        let name = message.proto.fullName
        writer.line("public static let descriptor = \(catalogue).descriptor(of: \"\(name)\")")
        writer.gap()
        writer.block(
            "public init(decoding bytes: [UInt8], limits: DecodingLimits) throws(DecodingError)"
        ) { writer in
            writer.line("var layout = unsafe \(message.cType)()")
            writer.line("unsafe \(message.cInitializer)(&layout)")
            writer.line("let unpacked = try unsafe Unpacked(")
            writer.line(
                "    bytes, as: Self.descriptor, layout: layout.base.descriptor, limits: limits)")
            writer.line(
                "unsafe self.init(copying: unpacked.root.assumingMemoryBound(to: \(message.cType).self))"
            )
            writer.line("unpacked.end()")
        }
        writer.gap()
        // Nothing but them is in it.
        guard !message.properties.isEmpty else {
            return writer.line("public func encoded() -> [UInt8] { unknownFields }")
        }
        writer.block("public func encoded() -> [UInt8]") { writer in
            writer.line("let arena = Arena()")
            writer.line("return unsafe arena.serialize(packed(in: arena))")
        }
    }
}
