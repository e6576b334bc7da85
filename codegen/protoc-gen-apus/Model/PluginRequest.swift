import CDescriptorProtos

/// What protoc asks for.
struct PluginRequest {
    /// Paths of the files to generate for.
    let targets: [String]
    /// What followed `--apus_opt=`: `key=value`, separated by commas.
    let options: [String: String]
    /// Those files and all that they import, each after what it imports.
    let files: [ProtoFile]

    init(serialized bytes: [UInt8]) throws(GeneratorError) {
        // The bytes are protoc's own: they need no scan.
        let unpacked = unsafe bytes.withUnsafeBufferPointer {
            unsafe google__protobuf__compiler__code_generator_request__unpack(
                nil, $0.count, $0.baseAddress)
        }
        guard let request = unsafe unpacked else {
            throw GeneratorError("standard input is no CodeGeneratorRequest: run me through protoc")
        }
        defer {
            unsafe google__protobuf__compiler__code_generator_request__free_unpacked(request, nil)
        }
        let message = unsafe request.pointee
        targets = unsafe list(message.n_file_to_generate, message.file_to_generate) {
            unsafe text($0)
        }
        files = unsafe list(message.n_proto_file, message.proto_file) {
            unsafe DescriptorReader.file($0)
        }
        options = try unsafe PluginRequest.options(text(message.parameter))
    }

    /// The C module; the type that finds descriptors; the module, if another, that has the calls.
    private static let known = ["module", "catalogue", "runtime"]

    private static func options(_ parameter: String) throws(GeneratorError) -> [String: String] {
        var options: [String: String] = [:]
        for option in parameter.split(separator: ",") {
            let parts = option.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, known.contains(parts[0]) else {
                throw GeneratorError("unknown option \(option): there are \(known)")
            }
            options[parts[0]] = parts[1]
        }
        return options
    }
}
