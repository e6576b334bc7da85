/// Parses a `FileDescriptorSet` into tables; ``DescriptorLinker`` then resolves the names.
///
/// An own walk over the wire, not protobuf-c: descriptor sets may come from outside, each level needs
/// a handful of fields only, options must stay raw bytes, and so nothing here depends on a scan that
/// itself needs descriptors. Recursion is bounded by ``maxNesting``.
///
/// Source: `google/protobuf/descriptor.proto`.
struct DescriptorBuilder {
    /// Message declarations within message declarations.
    static let maxNesting = 32
    static let maxBytes = 32 << 20
    static let maxFullName = 512

    let bytes: [UInt8]
    var tables = DescriptorTables()
    /// Type names as written, by field index; empty for scalars.
    var fieldTypeNames: [String] = []
    /// Whether `packed` was said, by field index.
    var packedOptions: [Bool?] = []
    /// Input and output type names, by service and method.
    var methodTypeNames: [[(input: String, output: String)]] = []

    static func tables(of set: [UInt8]) throws(DescriptorError) -> DescriptorTables {
        guard set.count <= maxBytes else {
            throw DescriptorError(.tooLarge, "", "larger than \(maxBytes) bytes")
        }
        var builder = DescriptorBuilder(bytes: set)
        var reader = WireReader(set)
        while let item = try builder.next(&reader, in: "") {
            if item.number == 1, let range = item.range { try builder.addFile(range) }
        }
        var linker = DescriptorLinker(builder)
        return try linker.linked()
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The next field of a level; nil at its end.
    func next(_ reader: inout WireReader, in subject: String) throws(DescriptorError) -> WireItem? {
        if reader.isAtEnd { return nil }
        guard let item = reader.item() else {
            throw DescriptorError(.malformed, subject, "malformed at byte \(reader.position)")
        }
        return item
    }

    func string(_ item: WireItem, in subject: String) throws(DescriptorError) -> String {
        guard let range = item.range, let text = String(validating: bytes[range], as: UTF8.self)
        else {
            throw DescriptorError(.malformed, subject, "field \(item.number) is no string")
        }
        return text
    }

    func identifier(_ item: WireItem, in subject: String) throws(DescriptorError) -> String {
        let text = try string(item, in: subject)
        guard isIdentifier(text.utf8[...]) else {
            throw DescriptorError(.invalid, subject, "'\(text)' is no identifier")
        }
        return text
    }

    private func isIdentifier(_ text: Substring.UTF8View) -> Bool {
        guard let first = text.first, !(48...57).contains(first) else { return false }
        return text.allSatisfy {
            (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || $0 == 95
        }
    }

    mutating func declare(
        _ fullName: String, _ symbol: DescriptorStorage.Symbol
    ) throws(DescriptorError) {
        // Short input can spell long names by nesting; the bound keeps the tables in proportion.
        guard fullName.utf8.count <= Self.maxFullName else {
            throw DescriptorError(.tooLarge, String(fullName.prefix(64)), "the name is too long")
        }
        guard tables.symbols.updateValue(symbol, forKey: fullName) == nil else {
            throw DescriptorError(.duplicate, fullName, "declared twice")
        }
    }

    private mutating func addFile(_ range: Range<Int>) throws(DescriptorError) {
        var file = DescriptorStorage.File()
        file.syntax = "proto2"
        file.serialized = Array(bytes[range])
        // Names first: fields may come in any order, and full names need the package.
        var reader = WireReader(bytes, in: range)
        while let item = try next(&reader, in: file.path) {
            switch item.number {
            case 1: file.path = try string(item, in: file.path)
            case 2: file.package = try string(item, in: file.path)
            case 3: file.dependencies.append(try string(item, in: file.path))
            case 12: file.syntax = try string(item, in: file.path)
            default: break
            }
        }
        if let known = tables.filesByPath[file.path] {
            guard tables.files[known].serialized == file.serialized else {
                throw DescriptorError(.duplicate, file.path, "two files have this path")
            }
            return
        }
        let packageParts = file.package.utf8.split(separator: 46, omittingEmptySubsequences: false)
        guard !file.path.isEmpty, file.package.isEmpty || packageParts.allSatisfy(isIdentifier)
        else {
            throw DescriptorError(.invalid, file.path, "no path, or the package is no dotted name")
        }
        guard file.syntax == "proto2" || file.syntax == "proto3" else {
            throw DescriptorError(.invalid, file.path, "syntax '\(file.syntax)' is not supported")
        }
        let index = tables.files.count
        tables.files.append(file)
        tables.filesByPath[file.path] = index
        try addDeclarations(range, file: index)
    }

    private mutating func addDeclarations(
        _ range: Range<Int>, file: Int
    ) throws(DescriptorError) {
        let scope = DescriptorScope(file: file, name: tables.files[file].package)
        var reader = WireReader(bytes, in: range)
        while let item = try next(&reader, in: tables.files[file].path) {
            guard let range = item.range else { continue }
            switch item.number {
            case 4:
                let message = try addMessage(range, scope)
                tables.files[file].messages.append(message)
            case 5:
                let enumeration = try addEnumeration(range, scope)
                tables.files[file].enumerations.append(enumeration)
            case 6:
                let service = try addService(range, scope)
                tables.files[file].services.append(service)
            case 7:
                try addExtension(range, scope)
            default: break
            }
        }
    }
}

/// Where a declaration stands.
struct DescriptorScope {
    let file: Int
    /// Package, or full name of the enclosing message; may be empty.
    let name: String
    var message: Int?
    var depth = 0

    func fullName(_ name: String) -> String {
        self.name.isEmpty ? name : "\(self.name).\(name)"
    }
}
