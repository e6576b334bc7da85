/// Numbers as text: grammar, and exact integers however they are written.
enum JSONNumber {
    /// How many bytes at the start are a number (RFC 8259 §6); 0 when none.
    static func length(_ text: ArraySlice<UInt8>) -> Int {
        var index = text.startIndex
        func isDigit(_ index: Int) -> Bool {
            index < text.endIndex && (48...57).contains(text[index])
        }
        if index < text.endIndex, text[index] == UInt8(ascii: "-") { index += 1 }
        guard isDigit(index) else { return 0 }
        if text[index] == UInt8(ascii: "0") {
            index += 1
        } else {
            while isDigit(index) { index += 1 }
        }
        if index < text.endIndex, text[index] == UInt8(ascii: ".") {
            index += 1
            guard isDigit(index) else { return 0 }
            while isDigit(index) { index += 1 }
        }
        if index < text.endIndex, text[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            if index < text.endIndex,
                text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-")
            {
                index += 1
            }
            guard isDigit(index) else { return 0 }
            while isDigit(index) { index += 1 }
        }
        return index - text.startIndex
    }

    /// Whether the whole text is a number of bounded length.
    static func isNumber(_ text: ArraySlice<UInt8>) -> Bool {
        !text.isEmpty && text.count <= JSONReader.maxNumberBytes && length(text) == text.count
    }

    /// The integer that a number stands for, exactly: `1e3` and `10.0` are integers, `1.5` is none.
    ///
    /// - Parameter text: Follows the grammar.
    /// - Returns: nil when it is no integer, or one outside of the type.
    static func integer<Value: FixedWidthInteger>(
        _ text: ArraySlice<UInt8>, as type: Value.Type
    ) -> Value? {
        let isNegative = text.first == UInt8(ascii: "-")
        var digits: [UInt8] = []
        var fractionDigits = 0
        var exponent = 0
        var isFraction = false
        var rest = isNegative ? text.dropFirst() : text
        while let byte = rest.popFirst() {
            if (48...57).contains(byte) {
                digits.append(byte - 48)
                if isFraction { fractionDigits += 1 }
            } else if byte == UInt8(ascii: ".") {
                isFraction = true
            } else {
                exponent = clampedExponent(rest)
                break
            }
        }
        while digits.last == 0, digits.count > 1 {
            digits.removeLast()
            exponent += 1
        }
        exponent -= fractionDigits
        if digits == [0] { return 0 }
        guard exponent >= 0, exponent <= 20 else { return nil }
        var value: Value = 0
        for digit in digits + Array(repeating: 0, count: exponent) {
            let shifted = value.multipliedReportingOverflow(by: 10)
            let next =
                isNegative
                ? shifted.partialValue.subtractingReportingOverflow(Value(digit))
                : shifted.partialValue.addingReportingOverflow(Value(digit))
            if shifted.overflow || next.overflow { return nil }
            value = next.partialValue
        }
        return value
    }

    /// An exponent far out of any range stays there.
    private static func clampedExponent(_ text: ArraySlice<UInt8>) -> Int {
        let digits = text.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
        var value = 0
        for digit in digits { value = min(value * 10 + Int(digit - 48), 100_000) }
        return text.first == UInt8(ascii: "-") ? -value : value
    }
}
