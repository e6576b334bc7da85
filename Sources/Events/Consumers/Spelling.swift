// Of text that the store compares by its bytes: `==` takes two spellings of a character for one.
extension String {
    func isSpelled(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }

    func hashSpelling(into hasher: inout Hasher) {
        var text = self
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(utf8.count)
    }
}
