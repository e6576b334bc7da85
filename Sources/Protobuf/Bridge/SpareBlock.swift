import Glibc

/// One block of memory that each thread keeps for its next arena.
///
/// An arena lives for one message, so a thread rarely has two; a block this large is beyond what
/// malloc keeps at hand, and costs it more than the rest of the arena's work.
enum SpareBlock {
    static let bytes = 4_096

    /// A block of ``bytes``; nil when there is no memory.
    static func take() -> UnsafeMutableRawPointer? {
        guard let key else { return unsafe malloc(bytes) }
        guard let block = unsafe pthread_getspecific(key) else { return unsafe malloc(bytes) }
        pthread_setspecific(key, nil)
        return unsafe block
    }

    /// Keeps the block for the thread, or frees it.
    static func give(_ block: UnsafeMutableRawPointer) {
        guard let key, unsafe pthread_getspecific(key) == nil,
            unsafe pthread_setspecific(key, block) == 0
        else { return unsafe free(block) }
    }

    /// Nil when the process has no keys left.
    private static let key: pthread_key_t? = {
        var key = pthread_key_t()
        return unsafe pthread_key_create(&key) { block in unsafe free(block) } == 0 ? key : nil
    }()
}
