// Reads strings and lists out of protobuf-c's structs.

func text(_ pointer: UnsafePointer<CChar>?) -> String {
    guard let pointer = unsafe pointer else { return "" }
    return unsafe String(cString: pointer)
}

func list<C, Element>(
    _ count: Int, _ items: UnsafeMutablePointer<UnsafeMutablePointer<C>?>?,
    _ copy: (UnsafePointer<C>) -> Element
) -> [Element] {
    unsafe UnsafeBufferPointer(start: items, count: count).compactMap { item in
        guard let item = unsafe item else { return nil }
        return unsafe copy(item)
    }
}

/// The same, each item with its comments.
func list<C, Element>(
    _ count: Int, _ items: UnsafeMutablePointer<UnsafeMutablePointer<C>?>?, _ comments: Comments,
    _ copy: (UnsafePointer<C>, Comments) -> Element
) -> [Element] {
    var index = -1
    return unsafe list(count, items) {
        index += 1
        return unsafe copy($0, comments.at(Int32(index)))
    }
}
