internal import Glibc

/// A NULL-terminated array of C strings.
@safe
final class CStrings {
    private let memory: UnsafeMutableBufferPointer<UnsafePointer<CChar>?>

    init(_ strings: [String]) {
        unsafe memory = .allocate(capacity: strings.count + 1)
        for (index, string) in strings.enumerated() {
            unsafe memory.initializeElement(at: index, to: UnsafePointer(strdup(string)))
        }
        unsafe memory.initializeElement(at: strings.count, to: nil)
    }

    deinit {
        for index in 0..<(unsafe memory.count) {
            unsafe free(UnsafeMutablePointer(mutating: memory[index]))
        }
        unsafe memory.deallocate()
    }

    @unsafe
    var pointers: UnsafePointer<UnsafePointer<CChar>?>? {
        unsafe UnsafePointer(memory.baseAddress)
    }

    /// As `posix_spawn` wants them, which does not change them.
    @unsafe
    var mutablePointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
        unsafe UnsafeMutableRawPointer(memory.baseAddress)?
            .assumingMemoryBound(to: UnsafeMutablePointer<CChar>?.self)
    }
}
