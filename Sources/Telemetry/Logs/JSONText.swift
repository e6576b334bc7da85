extension String {
    /// Appends `text` as a JSON string, quotes included (RFC 8259 §7).
    ///
    /// C1 controls and U+2028/2029 are escaped too: a terminal acts on the first, a JavaScript
    /// reader and some log viewers break the line at the second.
    public mutating func append(jsonString text: String) {
        append("\"")
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }) {
            append(text)
        } else {
            for scalar in text.unicodeScalars { append(jsonEscaped: scalar) }
        }
        append("\"")
    }

    private mutating func append(jsonEscaped scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x22: append("\\\"")
        case 0x5C: append("\\\\")
        case 0x0A: append("\\n")
        case 0x0D: append("\\r")
        case 0x09: append("\\t")
        case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029:
            let digits = String(scalar.value, radix: 16)
            append("\\u")
            for _ in digits.utf8.count..<4 { append("0") }
            append(digits)
        default: unicodeScalars.append(scalar)
        }
    }

    /// Appends `text` bare where a reader of `key=value` lines can tell its end, else quoted.
    mutating func append(logfmt text: String) {
        let bare =
            !text.isEmpty
            && text.utf8.allSatisfy {
                $0 > 0x20 && $0 != 0x22 && $0 != 0x3D && $0 != 0x5C && $0 < 0x7F
            }
        if bare { append(text) } else { append(jsonString: text) }
    }
}
