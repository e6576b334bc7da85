import Glibc

/// The lines of a file or of standard input, as many at once as can be read without waiting.
///
/// Reading blocks, so it belongs on a thread of its own.
struct LineReader: Sendable {
    struct Line: Sendable {
        /// From 1; blank lines count.
        let number: Int
        /// Nil when the line is not UTF-8.
        let text: String?
    }

    /// A longer line is no event; the server would refuse it anyway.
    static let maxLineBytes = 8 << 20

    private let file: OpenFile
    private var rest: [UInt8] = []
    private var isAtEnd = false
    private var count = 0

    /// - Throws: ``CommandFailure`` when the file cannot be opened.
    init(path: String) throws {
        guard path != "-" else {
            file = OpenFile(STDIN_FILENO)
            return
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure("cannot open \(path): \(String(cString: strerror(errno)))")
        }
        file = OpenFile(descriptor)
    }

    /// The next lines that are not blank, at least one, without their ends; nil at the end.
    mutating func nextLines() throws -> [Line]? {
        while !isAtEnd {
            try fill()
            let lines = takeLines()
            if !lines.isEmpty { return lines }
            guard rest.count <= Self.maxLineBytes else {
                throw CommandFailure("a line is longer than \(Self.maxLineBytes) bytes")
            }
        }
        return nil
    }

    private mutating func fill() throws {
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        let count = read(file.descriptor, &buffer, buffer.count)
        if count < 0 {
            if errno == EINTR { return }
            throw CommandFailure("cannot read: \(String(cString: strerror(errno)))")
        }
        isAtEnd = count == 0
        rest += buffer[..<count]
        if isAtEnd, !rest.isEmpty { rest.append(UInt8(ascii: "\n")) }
    }

    private mutating func takeLines() -> [Line] {
        guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
        var lines: [Line] = []
        for bytes in rest[..<end].split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        {
            count += 1
            let text = String(validating: bytes, as: UTF8.self)
            if text?.allSatisfy(\.isWhitespace) != true {
                lines.append(Line(number: count, text: text))
            }
        }
        rest.removeSubrange(...end)
        return lines
    }
}

/// A descriptor that is closed with the last who holds it; standard input stays open.
private final class OpenFile: Sendable {
    let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit {
        if descriptor != STDIN_FILENO { close(descriptor) }
    }
}
