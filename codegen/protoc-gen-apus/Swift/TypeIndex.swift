/// Every message and enum of a request, by full name.
struct TypeIndex {
    private(set) var messages: [String: ProtoMessage] = [:]
    private(set) var enums: [String: ProtoEnum] = [:]
    private var swiftNames: [String: String] = [:]
    private let recursion: Recursion

    init(_ files: [ProtoFile]) {
        var messages: [String: ProtoMessage] = [:]
        var enums: [String: ProtoEnum] = [:]
        var names: [String: String] = [:]
        func add(_ found: [ProtoMessage], _ foundEnums: [ProtoEnum], in scope: String) {
            for item in foundEnums {
                enums[item.fullName] = item
                names[item.fullName] = "\(scope).\(SwiftNames.type(item.name))"
            }
            for item in found {
                let name = "\(scope).\(SwiftNames.type(item.name))"
                messages[item.fullName] = item
                names[item.fullName] = name
                add(item.messages, item.enums, in: name)
            }
        }
        for file in files {
            add(file.messages, file.enums, in: SwiftNames.namespace(file.package))
        }
        self.messages = messages
        self.enums = enums
        swiftNames = names
        recursion = Recursion(messages)
    }

    /// The name of a message or enum, from the namespace on.
    func swiftName(_ fullName: String) throws(GeneratorError) -> String {
        guard let name = swiftNames[fullName] else {
            throw GeneratorError("\(fullName) is not among the files of the request")
        }
        return name
    }

    /// Whether a message that holds this field would have to hold itself.
    func isRecursive(_ field: ProtoField, of message: ProtoMessage) -> Bool {
        recursion.isRecursive(field, of: message)
    }

    /// The entry type of a `map` field.
    func mapEntry(_ field: ProtoField) -> ProtoMessage? {
        guard field.isRepeated, case .message(let name) = field.type,
            let entry = messages[name], entry.isMapEntry
        else { return nil }
        return entry
    }
}
