/// The pass itself. Lives inside the closures of ``WireScan/check(_:as:limits:)``, which own all that
/// it points to.
///
/// Functions answer false for "broken", with the reason in ``failure``; each level then adds its
/// field to the path on the way out, so that success pays nothing for paths.
@safe
struct WireScanner {
    let base: UnsafeRawBufferPointer
    private let messages: UnsafeBufferPointer<ScanTable.Message>
    private let fields: UnsafeBufferPointer<ScanTable.Field>
    private let numbers: UnsafeBufferPointer<Int32>
    private let maxDepth: Int
    private let maxElements: Int
    private var summary = WireScan.Summary()
    var failure: Failure?

    init(
        bytes: UnsafeRawBufferPointer, messages: UnsafeBufferPointer<ScanTable.Message>,
        fields: UnsafeBufferPointer<ScanTable.Field>, numbers: UnsafeBufferPointer<Int32>,
        limits: DecodingLimits
    ) {
        unsafe base = bytes
        unsafe self.messages = messages
        unsafe self.fields = fields
        unsafe self.numbers = numbers
        maxDepth = limits.maxDepth
        maxElements = limits.maxElements
    }

    mutating func run(_ message: Int) -> Result<WireScan.Summary, Failure> {
        if unsafe scan(0, base.count, message, depth: 1) { return .success(summary) }
        return .failure(failure ?? Failure(code: .malformed, message: "malformed"))
    }

    /// One message in `start..<end`.
    private mutating func scan(_ start: Int, _ end: Int, _ index: Int, depth: Int) -> Bool {
        let message = unsafe messages[index]
        guard depth <= maxDepth else {
            return fail(.tooDeep, "messages are nested more than \(maxDepth) deep")
        }
        var position = start
        var seenMessages: UInt64 = 0
        var members = 0
        var arena = Int(message.structBytes)
        while position < end {
            let itemStart = position
            var tag = UInt32(unsafe base[position])
            position &+= 1
            if tag >= 0x80 {
                guard longTag(&tag, &position, end) else { return false }
            }
            let number = Int(tag >> 3)
            let wireType = UInt8(truncatingIfNeeded: tag & 7)
            members &+= 1
            let field: ScanTable.Field
            if number < Int(message.denseCount) {
                field = unsafe fields[Int(message.dense) &+ number]
            } else {
                field = sparse(number, message)
            }
            guard field.index >= 0 else {
                let value = position
                guard unknown(number, wireType, &position, end) else { return false }
                // ProtobufCMessageUnknownField and a copy of the value.
                arena &+= 24 &+ Self.aligned(position &- value)
                continue
            }
            if field.flags & ScanTable.Field.repeated != 0 {
                arena &+= Int(field.sizeOrOrdinal)
            }
            if wireType != field.wireType {
                guard wireType == WireType.lengthDelimited.rawValue,
                    field.flags & ScanTable.Field.packable != 0
                else {
                    fail(.wireType, "has wire type \(wireType), not that of its type")
                    return leave(field, number, start, itemStart)
                }
                guard let range = length(&position, end) else {
                    return leave(field, number, start, itemStart)
                }
                guard let elements = packed(field, range) else {
                    return leave(field, number, start, itemStart)
                }
                members &+= elements
                arena &+= elements &* Int(field.sizeOrOrdinal)
                continue
            }
            switch wireType {
            case WireType.varint.rawValue:
                if position < end, unsafe base[position] < 0x80 {
                    position &+= 1
                } else if !varint(&position, end) {
                    return leave(field, number, start, itemStart)
                }
            case WireType.fixed64.rawValue:
                guard fixed(8, &position, end) else {
                    return leave(field, number, start, itemStart)
                }
            case WireType.fixed32.rawValue:
                guard fixed(4, &position, end) else {
                    return leave(field, number, start, itemStart)
                }
            default:
                guard let range = length(&position, end) else {
                    return leave(field, number, start, itemStart)
                }
                switch field.kind {
                case FieldKind.message.rawValue:
                    if field.flags & ScanTable.Field.repeated == 0 {
                        let bit = UInt64(1) << UInt64(field.sizeOrOrdinal)
                        if seenMessages & bit != 0 { summary.needsMerge = true }
                        seenMessages |= bit
                    }
                    guard
                        scan(
                            range.lowerBound, range.upperBound, Int(field.message), depth: depth + 1
                        )
                    else { return leave(field, number, start, itemStart, range) }
                case FieldKind.string.rawValue:
                    arena &+= Self.aligned(range.count &+ 1)
                    guard text(range) else { return leave(field, number, start, itemStart, range) }
                default:
                    arena &+= Self.aligned(range.count)
                }
            }
        }
        summary.elements &+= members
        guard summary.elements <= maxElements else {
            return fail(.tooLarge, "more than \(maxElements) fields and elements")
        }
        // Beyond 16 members, unpack allocates slabs of 32 bytes a member, each twice the last.
        if members > 16 { arena &+= 64 &* (members &+ 16) }
        summary.arenaBytes &+= arena
        if message.hasRequired { return required(message, start, end) }
        return true
    }

    private func sparse(_ number: Int, _ message: ScanTable.Message) -> ScanTable.Field {
        var low = Int(message.sparse)
        let end = low + Int(message.sparseCount)
        var high = end
        while low < high {
            let middle = (low + high) / 2
            if unsafe Int(numbers[middle]) < number { low = middle + 1 } else { high = middle }
        }
        guard low < end, unsafe Int(numbers[low]) == number else { return ScanTable.Field() }
        return unsafe fields[low]
    }

    /// A field that the schema lacks is kept, so it must be whole.
    private mutating func unknown(
        _ number: Int, _ wireType: UInt8, _ position: inout Int, _ end: Int
    ) -> Bool {
        guard number != 0 else { return fail(.malformed, "field number 0") }
        switch wireType {
        case WireType.varint.rawValue: return varint(&position, end)
        case WireType.fixed64.rawValue: return fixed(8, &position, end)
        case WireType.fixed32.rawValue: return fixed(4, &position, end)
        case WireType.lengthDelimited.rawValue: return length(&position, end) != nil
        default: return fail(.malformed, "field \(number) is a group, or has no valid wire type")
        }
    }

    /// proto2 `required`; unpack fails without.
    private mutating func required(_ message: ScanTable.Message, _ start: Int, _ end: Int) -> Bool {
        let all = Int(message.dense)..<Int(message.sparse + message.sparseCount)
        for index in all {
            let field = unsafe fields[index]
            guard field.index >= 0, field.flags & ScanTable.Field.required != 0 else { continue }
            if occurrences(unsafe Int(numbers[index]), start, end) == 0 {
                fail(.missingRequired, "is required and missing")
                failure?.path.append(.init(field: Int(field.index)))
                return false
            }
        }
        return true
    }

    private static func aligned(_ size: Int) -> Int { (size &+ 15) & ~15 }
}
