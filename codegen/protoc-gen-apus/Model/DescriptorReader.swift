import CDescriptorProtos

/// Copies protoc's descriptors into the generator's model.
enum DescriptorReader {
    typealias File = Google__Protobuf__FileDescriptorProto
    typealias Message = Google__Protobuf__DescriptorProto
    typealias Field = Google__Protobuf__FieldDescriptorProto
    typealias Enum = Google__Protobuf__EnumDescriptorProto
    typealias Service = Google__Protobuf__ServiceDescriptorProto

    static func file(_ pointer: UnsafePointer<File>) -> ProtoFile {
        let raw = unsafe pointer.pointee
        var file = ProtoFile()
        file.path = unsafe text(raw.name)
        file.package = unsafe text(raw.package)
        let comments = unsafe Comments(isOurs(file.package) ? raw.source_code_info : nil)
        file.syntax = unsafe raw.syntax == nil ? "proto2" : text(raw.syntax)
        file.messages = unsafe list(raw.n_message_type, raw.message_type, comments.at(4)) {
            unsafe message($0, in: file.package, $1)
        }
        file.enums = unsafe list(raw.n_enum_type, raw.enum_type, comments.at(5)) {
            unsafe enumeration($0, in: file.package, $1)
        }
        file.services = unsafe list(raw.n_service, raw.service, comments.at(6)) {
            unsafe service($0, in: file.package, $1)
        }
        return file
    }

    /// Others' schemas are inputs; their authors' sentences stay where they are.
    private static func isOurs(_ package: String) -> Bool {
        package != "google.protobuf" && !package.hasPrefix("grpc.")
    }

    private static func message(
        _ pointer: UnsafePointer<Message>, in scope: String, _ comments: Comments
    ) -> ProtoMessage {
        let raw = unsafe pointer.pointee
        var message = ProtoMessage()
        message.name = unsafe text(raw.name)
        message.fullName = join(scope, message.name)
        message.comment = comments.lines
        message.fields = unsafe list(raw.n_field, raw.field, comments.at(2)) {
            unsafe field($0, $1)
        }
        message.oneofs = unsafe list(raw.n_oneof_decl, raw.oneof_decl, comments.at(8)) {
            unsafe ProtoOneof(name: text($0.pointee.name), comment: $1.lines)
        }
        message.messages = unsafe list(raw.n_nested_type, raw.nested_type, comments.at(3)) {
            unsafe self.message($0, in: message.fullName, $1)
        }
        message.enums = unsafe list(raw.n_enum_type, raw.enum_type, comments.at(4)) {
            unsafe enumeration($0, in: message.fullName, $1)
        }
        if let options = unsafe raw.options {
            message.isMapEntry = unsafe options.pointee.map_entry != 0
            message.event = unsafe EventOption(options)
        }
        return message
    }

    private static func field(_ pointer: UnsafePointer<Field>, _ comments: Comments) -> ProtoField {
        let raw = unsafe pointer.pointee
        var field = ProtoField()
        field.name = unsafe text(raw.name)
        field.comment = comments.lines
        field.number = unsafe Int(raw.number)
        field.type = unsafe type(of: raw)
        field.isRepeated =
            unsafe raw.label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED
        field.oneof = unsafe raw.has_oneof_index != 0 ? Int(raw.oneof_index) : nil
        field.isProto3Optional = unsafe raw.proto3_optional != 0
        return field
    }

    /// The numbers are those of `FieldDescriptorProto.Type`.
    private static func type(of raw: Field) -> ProtoType {
        switch unsafe raw.type.rawValue {
        case 1: .double
        case 2: .float
        case 3, 16, 18: .int64
        case 4, 6: .uint64
        case 5, 15, 17: .int32
        case 7, 13: .uint32
        case 8: .bool
        case 9: .string
        case 11: unsafe .message(String(text(raw.type_name).dropFirst()))
        case 12: .bytes
        case 14: unsafe .enumeration(String(text(raw.type_name).dropFirst()))
        default: .group
        }
    }

    private static func enumeration(
        _ pointer: UnsafePointer<Enum>, in scope: String, _ comments: Comments
    ) -> ProtoEnum {
        let raw = unsafe pointer.pointee
        let name = unsafe text(raw.name)
        let values = unsafe list(raw.n_value, raw.value, comments.at(2)) {
            unsafe ProtoEnumValue(
                name: text($0.pointee.name), comment: $1.lines, number: $0.pointee.number)
        }
        return ProtoEnum(
            name: name, fullName: join(scope, name), comment: comments.lines, values: values)
    }

    private static func service(
        _ pointer: UnsafePointer<Service>, in scope: String, _ comments: Comments
    ) -> ProtoService {
        let raw = unsafe pointer.pointee
        let name = unsafe text(raw.name)
        let methods = unsafe list(raw.n_method, raw.method, comments.at(2)) {
            let method = unsafe $0.pointee
            return unsafe ProtoMethod(
                name: text(method.name), comment: $1.lines,
                input: String(text(method.input_type).dropFirst()),
                output: String(text(method.output_type).dropFirst()),
                isClientStreaming: method.client_streaming != 0,
                isServerStreaming: method.server_streaming != 0)
        }
        return ProtoService(
            name: name, fullName: join(scope, name), comment: comments.lines, methods: methods)
    }

    private static func join(_ scope: String, _ name: String) -> String {
        scope.isEmpty ? name : "\(scope).\(name)"
    }
}
