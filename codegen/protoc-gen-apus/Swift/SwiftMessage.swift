/// A message as Swift will have it: properties instead of fields.
struct SwiftMessage {
    let proto: ProtoMessage
    /// From the namespace on, and its last part.
    let fullName: String
    let name: String
    let cType: String
    let cInitializer: String
    let properties: [SwiftProperty]
    let oneofs: [SwiftOneof]

    init(_ proto: ProtoMessage, _ types: TypeIndex) throws(GeneratorError) {
        self.proto = proto
        fullName = try types.swiftName(proto.fullName)
        name = SwiftNames.type(proto.name)
        cType = CNames.type(proto.fullName)
        cInitializer = CNames.initializer(proto.fullName)
        var oneofs: [SwiftOneof] = []
        var properties: [SwiftProperty] = []
        var seen: Set<Int> = []
        for field in proto.fields {
            guard let index = field.oneof, !field.isProto3Optional else {
                properties.append(try SwiftProperty(field, of: proto, types))
                continue
            }
            // A oneof takes the place of its first member.
            guard seen.insert(index).inserted else { continue }
            let oneof = try SwiftOneof(index, of: proto, types)
            oneofs.append(oneof)
            properties.append(SwiftProperty(oneof))
        }
        self.oneofs = oneofs
        self.properties = properties
    }
}

/// One property of a message.
struct SwiftProperty {
    enum Shape {
        /// A scalar without presence.
        case plain(ElementType)
        /// proto3 `optional`.
        case optional(ElementType)
        case message(ElementType)
        case list(ElementType)
        case map(key: ElementType, value: ElementType, entry: ProtoMessage)
        case oneof(SwiftOneof)
    }

    let name: String
    let comment: [String]
    let shape: Shape
    /// The whole type, optional or list included.
    let type: String
    /// What an unset property holds.
    let zero: String
    /// Kept in an `Indirect`, since the message would have to contain itself.
    let isBoxed: Bool
    /// The field in C, and its number; empty for a oneof.
    let proto: ProtoField

    init(
        _ field: ProtoField, of message: ProtoMessage, _ types: TypeIndex
    ) throws(GeneratorError) {
        name = SwiftNames.member(field.name)
        comment = field.comment
        proto = field
        isBoxed = types.isRecursive(field, of: message)
        if let entry = types.mapEntry(field), entry.fields.count == 2 {
            let key = try ElementType(entry.fields[0].type, types)
            let value = try ElementType(entry.fields[1].type, types)
            shape = .map(key: key, value: value, entry: entry)
            type = "[\(key.swift): \(value.swift)]"
            zero = "[:]"
            return
        }
        let element = try ElementType(field.type, types)
        if field.isRepeated {
            shape = .list(element)
            type = "[\(element.swift)]"
            zero = "[]"
        } else if field.isProto3Optional {
            shape = .optional(element)
            type = "\(element.swift)?"
            zero = "nil"
        } else if element.kind == .message {
            shape = .message(element)
            type = "\(element.swift)?"
            zero = "nil"
        } else {
            shape = .plain(element)
            type = element.swift
            zero = element.zero
        }
    }

    init(_ oneof: SwiftOneof) {
        name = SwiftNames.member(oneof.proto.name)
        comment = oneof.proto.comment
        shape = .oneof(oneof)
        type = "\(oneof.name)?"
        zero = "nil"
        isBoxed = false
        proto = ProtoField()
    }

    /// As the schema calls it.
    var protoName: String {
        if case .oneof(let oneof) = shape { oneof.proto.name } else { proto.name }
    }

    /// The name in front of an argument, where most keywords stand as they are.
    var label: String {
        let bare = name.filter { $0 != "`" }
        return ["inout", "let", "var"].contains(bare) ? name : bare
    }

    /// What the struct stores; another name than ``name`` when boxed.
    var stored: String { isBoxed ? Words.lowerCamel(proto.name) + "Box" : name }
    /// The same in front of an argument.
    var storedLabel: String { isBoxed ? stored : label }
}

/// The choices of a `oneof`.
struct SwiftOneof {
    struct Choice {
        let name: String
        let element: ElementType
        let proto: ProtoField
    }

    let proto: ProtoOneof
    let name: String
    let choices: [Choice]
    /// A choice contains the message itself.
    let isRecursive: Bool

    init(_ index: Int, of message: ProtoMessage, _ types: TypeIndex) throws(GeneratorError) {
        proto = message.oneofs[index]
        name = SwiftNames.oneof(proto, of: message)
        var choices: [Choice] = []
        for field in message.fields where field.oneof == index {
            let element = try ElementType(field.type, types)
            let name = SwiftNames.member(field.name)
            choices.append(Choice(name: name, element: element, proto: field))
        }
        self.choices = choices
        isRecursive = choices.contains { types.isRecursive($0.proto, of: message) }
    }
}
