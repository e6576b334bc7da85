internal import CNghttp2
internal import Glibc

/// Where the library takes the memory of frames and streams, for all sessions of one thread: small
/// blocks that it gives back are kept for their next use.
///
/// Eight blocks a call come and go, those of hundreds of calls at a time, which is more than malloc
/// keeps at hand: it would merge and cut them over and over. All blocks are malloc's own, so those of a
/// session that ends on another thread simply go to `free`.
@safe
final class LibraryMemory {
    /// Larger ones are header tables and buffers, of which a connection has few.
    private static let largestBlock = 1_024
    private static let shelfCount = 20
    /// What the thread keeps at most: the blocks of a thousand streams.
    static let maxKeptBytes = 1 << 20

    private let thread = pthread_self()
    /// By size, as ``size(ofShelf:)`` says. Each kept block begins with the address of the next.
    private let shelves: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    private(set) var keptBytes = 0

    init() {
        unsafe shelves = .allocate(capacity: Self.shelfCount)
        unsafe shelves.initialize(repeating: nil, count: Self.shelfCount)
    }

    deinit {
        for shelf in 0..<Self.shelfCount {
            while let block = unsafe take(from: shelf) { unsafe free(block) }
        }
        unsafe shelves.deallocate()
    }

    /// The calling thread's.
    static var current: LibraryMemory {
        guard let key else { return LibraryMemory() }
        if let kept = unsafe pthread_getspecific(key) {
            return unsafe Unmanaged<LibraryMemory>.fromOpaque(kept).takeUnretainedValue()
        }
        let memory = LibraryMemory()
        let retained = unsafe Unmanaged.passRetained(memory)
        if unsafe pthread_setspecific(key, retained.toOpaque()) != 0 { unsafe retained.release() }
        return memory
    }

    /// Nil when the process has no keys left.
    private static let key: pthread_key_t? = {
        var key = pthread_key_t()
        let result = unsafe pthread_key_create(&key) { memory in
            guard let memory = unsafe memory else { return }
            unsafe Unmanaged<LibraryMemory>.fromOpaque(memory).release()
        }
        return result == 0 ? key : nil
    }()

    /// What the library is to call. Valid as long as this object.
    var functions: nghttp2_mem {
        unsafe nghttp2_mem(
            mem_user_data: Unmanaged.passUnretained(self).toOpaque(),
            malloc: { size, memory in
                unsafe LibraryMemory.at(memory) { unsafe $0.allocate(size) }
            },
            free: { block, memory in
                guard let block = unsafe block else { return }
                unsafe LibraryMemory.at(memory) { memory in unsafe memory.giveBack(block) }
            },
            calloc: { count, size, memory in
                let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
                guard !overflow else { return nil }
                let block = unsafe LibraryMemory.at(memory) { unsafe $0.allocate(bytes) }
                return unsafe block.map { unsafe memset($0, 0, bytes) }
            },
            realloc: { block, size, _ in unsafe realloc(block, size) })
    }

    @inline(__always)
    private static func at<Result>(
        _ context: UnsafeMutableRawPointer?, _ body: (LibraryMemory) -> Result
    ) -> Result {
        guard let context = unsafe context else { preconditionFailure("The library lost it") }
        return unsafe Unmanaged<LibraryMemory>.fromOpaque(context)._withUnsafeGuaranteedRef(body)
    }

    /// Uninitialized memory; nil when there is none.
    func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        guard thread == pthread_self(), size <= Self.largestBlock,
            case let shelf = Self.shelf(holding: size)
        else { return unsafe malloc(size) }
        return unsafe take(from: shelf) ?? malloc(Self.size(ofShelf: shelf))
    }

    /// Multiples of 16 up to 128, from there four to each doubling: sizes that allocators have.
    private static func size(ofShelf shelf: Int) -> Int {
        guard shelf >= 8 else { return (shelf + 1) * 16 }
        let doubling = (shelf - 8) / 4
        return (5 + (shelf - 8) % 4) << (5 + doubling)
    }

    /// The smallest shelf with blocks of at least so many bytes.
    private static func shelf(holding size: Int) -> Int {
        guard size > 128 else { return (max(size, 1) + 15) / 16 - 1 }
        let doubling = (size - 1).bitWidth - (size - 1).leadingZeroBitCount - 8
        return 8 + doubling * 4 + ((size - 1) >> (5 + doubling)) - 4
    }

    private func take(from shelf: Int) -> UnsafeMutableRawPointer? {
        guard let block = unsafe shelves[shelf] else { return nil }
        unsafe shelves[shelf] = block.load(as: UnsafeMutableRawPointer?.self)
        keptBytes -= Self.size(ofShelf: shelf)
        return unsafe block
    }

    func giveBack(_ block: UnsafeMutableRawPointer) {
        let size = unsafe cnghttp2_block_size(block)
        // One that is between two sizes counts as the smaller.
        let shelf = Self.shelf(holding: size + 1) - 1
        guard thread == pthread_self(), keptBytes < Self.maxKeptBytes,
            (0..<Self.shelfCount).contains(shelf)
        else { return unsafe free(block) }
        unsafe block.storeBytes(of: shelves[shelf], as: UnsafeMutableRawPointer?.self)
        unsafe shelves[shelf] = block
        keptBytes += Self.size(ofShelf: shelf)
    }
}
