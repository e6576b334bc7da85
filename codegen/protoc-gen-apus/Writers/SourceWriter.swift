/// Gathers lines of source. Knows indentation, nothing else.
struct SourceWriter {
    private(set) var text = ""
    private var depth = 0
    /// Whether the next line begins a block or the file, where no blank line belongs.
    private var isAtStart = true

    mutating func line(_ line: String) {
        text += String(repeating: "    ", count: depth) + line + "\n"
        isAtStart = false
    }

    /// A blank line between two things, none before the first.
    mutating func gap() {
        if !isAtStart { text += "\n" }
        isAtStart = true
    }

    /// A line that opens a brace, the lines within, the closing brace.
    mutating func block(_ head: String, _ tail: String = "}", _ body: (inout SourceWriter) -> Void)
    {
        line(head + " {")
        indented(body)
        line(tail)
    }

    mutating func indented(_ body: (inout SourceWriter) -> Void) {
        depth += 1
        isAtStart = true
        body(&self)
        depth -= 1
        isAtStart = false
    }

    /// Doc comment lines.
    mutating func comment(_ lines: [String]) {
        for text in lines { line(text.isEmpty ? "///" : "/// \(text)") }
    }
}
