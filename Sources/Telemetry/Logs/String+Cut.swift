extension String {
    /// Itself when it has no more bytes of UTF-8, else the whole characters before the limit and an ellipsis.
    public func cut(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        let end = utf8.index(startIndex, offsetBy: limit)
        return self[..<unicodeScalars.index(before: end)] + "…"
    }
}
