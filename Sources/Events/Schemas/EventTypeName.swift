/// The grammar of event types: dotted segments `[a-z0-9_]+`, two or more, at most 200 characters,
/// the last never like a version (`v1`).
public enum EventTypeName {
    public static let maxBytes = 200

    /// What is wrong with `text` as a type; nil when nothing is.
    public static func fault(in text: String) -> String? {
        guard text.utf8.count <= maxBytes else { return "is longer than \(maxBytes) characters" }
        let segments = text.split(separator: ".", omittingEmptySubsequences: false)
        guard segments.count >= 2, segments.allSatisfy(isSegment) else {
            return "must be two or more segments of [a-z0-9_]+ with dots between them"
        }
        guard let last = segments.last, !looksLikeVersion(last) else {
            return "must not end in a version; the version is a field of its own"
        }
        return nil
    }

    static func isSegment(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { character in
                switch character {
                case UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    private static func looksLikeVersion(_ segment: Substring) -> Bool {
        segment.utf8.first == UInt8(ascii: "v") && segment.utf8.count > 1
            && segment.utf8.dropFirst().allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
            }
    }
}
