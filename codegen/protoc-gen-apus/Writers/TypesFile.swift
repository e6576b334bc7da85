/// The value types of one `.proto` file; nothing in it knows C.
struct TypesFile {
    let content: String

    init(_ file: ProtoFile, _ types: TypeIndex) throws(GeneratorError) {
        var enums: [EnumDeclaration] = []
        for item in file.enums { enums.append(EnumDeclaration(item)) }
        var messages: [MessageDeclaration] = []
        for item in file.messages { messages.append(try MessageDeclaration(item, types)) }

        var writer = SourceWriter.file(from: file.path)
        if messages.contains(where: \.hasBoxes) {
            writer.gap()
            writer.line("import Protobuf")
        }
        writer.gap()
        writer.block("extension \(SwiftNames.namespace(file.package))") { writer in
            for item in messages {
                writer.gap()
                item.write(to: &writer)
            }
            for item in enums {
                writer.gap()
                item.write(to: &writer)
            }
        }
        for item in messages { item.writeInitializers(to: &writer) }
        content = writer.text
    }
}
