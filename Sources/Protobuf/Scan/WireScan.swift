/// The check that every message from outside passes before protobuf-c sees it.
///
/// protobuf-c's unpack recurses without a limit, takes invalid UTF-8, cuts strings at a NUL and
/// allocates many times its input. This scan refuses all that, with the path of the field, and
/// whatever unpack would refuse: what passes here unpacks, within ``Summary/arenaBytes``.
///
/// Stricter than the wire format, and why: a known field with the wrong layout (unpack fails, where
/// others keep it as unknown), groups (unpack fails), packed booleans other than 0 and 1 (unpack
/// fails), length prefixes over five bytes (unpack fails), NUL in a `string` (unpack truncates), more
/// than 64 combining marks in a row in a `string` (comparing or hashing it takes the square of their
/// number).
public enum WireScan {
    /// What a message that passed will need.
    public struct Summary: Sendable, Hashable {
        /// Fields, list elements and unknown fields, over all levels.
        public internal(set) var elements = 0
        /// Upper bound for the memory that protobuf-c allocates for it, alignment to 16 included.
        public internal(set) var arenaBytes = 0
        /// A singular message field occurs twice: run ``WireMerge`` before protobuf-c, whose own
        /// merging loses values and reads out of bounds.
        public internal(set) var needsMerge = false
    }

    /// Checks bytes against a message type.
    ///
    /// One pass, no allocation on success, recursion bounded by `limits.maxDepth`.
    ///
    /// - Throws: ``DecodingError`` with the path of the first field that is wrong.
    @discardableResult
    public static func check(
        _ bytes: UnsafeRawBufferPointer, as type: MessageDescriptor,
        limits: DecodingLimits = .default
    ) throws(DecodingError) -> Summary {
        guard bytes.count <= limits.maxBytes else {
            throw DecodingError(
                .tooLarge, path: "", "\(bytes.count) bytes; at most \(limits.maxBytes) are allowed")
        }
        let table = type.storage.scanTable
        let outcome: Result<Summary, WireScanner.Failure> =
            unsafe table.messages.withUnsafeBufferPointer { messages in
                unsafe table.fields.withUnsafeBufferPointer { fields in
                    unsafe table.numbers.withUnsafeBufferPointer { numbers in
                        var scanner = unsafe WireScanner(
                            bytes: bytes, messages: messages, fields: fields, numbers: numbers,
                            limits: limits)
                        return scanner.run(type.index)
                    }
                }
            }
        switch outcome {
        case .success(let summary):
            guard summary.arenaBytes <= limits.maxArenaBytes else {
                throw DecodingError(
                    .tooLarge, path: "",
                    "would take \(summary.arenaBytes) bytes of memory; "
                        + "at most \(limits.maxArenaBytes) are allowed")
            }
            return summary
        case .failure(let failure):
            throw failure.error(in: type.storage)
        }
    }

    /// Checks bytes against a message type.
    @discardableResult
    public static func check(
        _ bytes: [UInt8], as type: MessageDescriptor, limits: DecodingLimits = .default
    ) throws(DecodingError) -> Summary {
        let outcome: Result<Summary, DecodingError> = unsafe bytes.withUnsafeBytes { raw in
            do throws(DecodingError) {
                return .success(try unsafe check(raw, as: type, limits: limits))
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }
}
