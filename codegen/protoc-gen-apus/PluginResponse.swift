import CDescriptorProtos
import Glibc

/// A file that the plugin writes.
struct GeneratedFile {
    let name: String
    let content: String
}

/// What protoc is answered.
enum PluginResponse {
    private typealias Response = Google__Protobuf__Compiler__CodeGeneratorResponse
    private typealias File = Google__Protobuf__Compiler__CodeGeneratorResponse__File

    static func serialize(_ files: [GeneratedFile]) -> [UInt8] {
        let message = unsafe allocate(Response.self)
        unsafe google__protobuf__compiler__code_generator_response__init(message)
        unsafe message.pointee.has_supported_features = 1
        unsafe message.pointee.supported_features = 1  // FEATURE_PROTO3_OPTIONAL
        let items = unsafe allocate(UnsafeMutablePointer<File>?.self, count: files.count)
        for (index, file) in files.enumerated() {
            let item = unsafe allocate(File.self)
            unsafe google__protobuf__compiler__code_generator_response__file__init(item)
            unsafe item.pointee.name = strdup(file.name)
            unsafe item.pointee.content = strdup(file.content)
            unsafe items[index] = unsafe item
        }
        unsafe message.pointee.n_file = files.count
        unsafe message.pointee.file = unsafe items
        return unsafe pack(message)
    }

    static func serialize(_ error: GeneratorError) -> [UInt8] {
        let message = unsafe allocate(Response.self)
        unsafe google__protobuf__compiler__code_generator_response__init(message)
        unsafe message.pointee.error = strdup(error.description)
        return unsafe pack(message)
    }

    /// Packs the message and frees it, and all that was allocated for it.
    private static func pack(_ message: UnsafeMutablePointer<Response>) -> [UInt8] {
        let size = unsafe google__protobuf__compiler__code_generator_response__get_packed_size(
            message)
        var bytes = [UInt8](repeating: 0, count: size)
        _ = unsafe google__protobuf__compiler__code_generator_response__pack(message, &bytes)
        unsafe google__protobuf__compiler__code_generator_response__free_unpacked(message, nil)
        return bytes
    }

    /// Memory that protobuf-c's `free_unpacked` frees: C's own.
    private static func allocate<Value>(
        _ type: Value.Type, count: Int = 1
    ) -> UnsafeMutablePointer<Value> {
        guard let raw = unsafe malloc(max(1, count) * MemoryLayout<Value>.stride) else {
            preconditionFailure("no memory for the plugin's answer")
        }
        return unsafe raw.bindMemory(to: type, capacity: count)
    }
}
