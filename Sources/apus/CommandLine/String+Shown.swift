extension String {
    /// A stranger's text as part of a line that people read: what a terminal would act on, or what
    /// would end the line, is written as `\u001b`.
    var shown: String {
        guard unicodeScalars.contains(where: Self.acts) else { return self }
        var text = ""
        for scalar in unicodeScalars {
            if Self.acts(scalar) {
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// Controls, line and paragraph separators, and what turns the direction of the text around.
    private static func acts(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1f, 0x7f...0x9f, 0x2028...0x202e, 0x2066...0x2069: true
        default: false
        }
    }
}
