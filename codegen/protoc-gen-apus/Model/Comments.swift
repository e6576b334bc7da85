import CDescriptorProtos

/// The comments of a file, found by the path of what they belong to.
///
/// Source: `SourceCodeInfo` in `google/protobuf/descriptor.proto`: a path names a field of the
/// descriptor, then an index in it, and so on.
struct Comments {
    private let texts: [[Int32]: [String]]
    private let path: [Int32]

    init(_ info: UnsafePointer<Google__Protobuf__SourceCodeInfo>?) {
        path = []
        guard let info = unsafe info?.pointee else {
            texts = [:]
            return
        }
        var texts: [[Int32]: [String]] = [:]
        // Not `for unsafe …`: swift-format 6.3 writes it back as one word.
        for index in unsafe 0..<info.n_location {
            guard let raw = unsafe info.location[index]?.pointee else { continue }
            let comment = unsafe raw.leading_comments ?? raw.trailing_comments
            guard let comment = unsafe comment else { continue }
            let path = unsafe [Int32](UnsafeBufferPointer(start: raw.path, count: raw.n_path))
            texts[path] = unsafe Comments.split(text(comment))
        }
        self.texts = texts
    }

    private init(_ texts: [[Int32]: [String]], _ path: [Int32]) {
        self.texts = texts
        self.path = path
    }

    /// The comments one step further down.
    func at(_ step: Int32) -> Comments { Comments(texts, path + [step]) }

    /// The lines of the comment on this very thing.
    var lines: [String] { texts[path] ?? [] }

    private static func split(_ comment: String) -> [String] {
        var lines = comment.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            var line = line.hasPrefix(" ") ? line.dropFirst() : line
            while line.last == " " { line.removeLast() }
            return String(line)
        }
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }
}
