package import CProtobufC
import Glibc

/// Memory for one C message, freed at once.
///
/// Memory is cut off blocks one piece after the other. The first block begins with the arena's own
/// state, so that C can be handed a stable address.
@safe
package struct Arena: ~Copyable {
    @unsafe private struct State {
        var allocator: ProtobufCAllocator
        /// Where the next piece begins, and the block ends.
        var next: UnsafeMutableRawPointer
        var end: UnsafeMutableRawPointer
        /// The blocks after the first, newest first; each begins with the address of the next.
        var blocks: UnsafeMutableRawPointer?
        /// Bytes that further blocks may take.
        var remaining: Int
        var nextBlockBytes: Int
        /// The first block is one of those that threads keep.
        var isSpare: Bool
    }

    private let state: UnsafeMutablePointer<State>

    /// - Parameters:
    ///   - capacity: At least so many bytes are in the first block, unless `limit` is less.
    ///   - limit: Bytes over all blocks; an allocation beyond it fails.
    package init(capacity: Int, limit: Int) {
        let stateBytes = unsafe MemoryLayout<State>.size
        let isSpare = capacity <= SpareBlock.bytes - stateBytes
        let capacity = min(isSpare ? SpareBlock.bytes - stateBytes : capacity, max(0, limit))
        guard let block = unsafe isSpare ? SpareBlock.take() : malloc(capacity + stateBytes) else {
            preconditionFailure("no memory for an arena of \(capacity) bytes")
        }
        unsafe state = block.bindMemory(to: State.self, capacity: 1)
        unsafe state.initialize(
            to: State(
                allocator: ProtobufCAllocator(
                    alloc: { unsafe Arena.allocate($1, from: $0) },
                    free: { _, _ in },
                    allocator_data: block),
                next: block + stateBytes, end: block + stateBytes + capacity,
                remaining: max(0, limit - capacity), nextBlockBytes: 2 * capacity,
                isSpare: isSpare))
    }

    deinit {
        var block = unsafe state.pointee.blocks
        while let current = unsafe block {
            unsafe block = current.load(as: UnsafeMutableRawPointer?.self)
            unsafe free(current)
        }
        unsafe state.pointee.isSpare ? SpareBlock.give(state) : free(state)
    }

    /// For the C functions that allocate; valid as long as the arena.
    package var allocator: UnsafeMutablePointer<ProtobufCAllocator> {
        unsafe UnsafeMutableRawPointer(state).assumingMemoryBound(to: ProtobufCAllocator.self)
    }

    /// Uninitialized memory, aligned for every type of C.
    @usableFromInline
    package func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        guard let piece = unsafe Arena.allocate(bytes, from: UnsafeMutableRawPointer(state)) else {
            preconditionFailure("no memory for \(bytes) bytes of a message")
        }
        return unsafe piece
    }

    private static func allocate(
        _ bytes: Int, from raw: UnsafeMutableRawPointer?
    ) -> UnsafeMutableRawPointer? {
        guard let state = unsafe raw?.assumingMemoryBound(to: State.self) else { return nil }
        let (padded, overflow) = bytes.addingReportingOverflow(7)
        guard bytes >= 0, !overflow else { return nil }
        let size = padded & ~7
        let piece = unsafe state.pointee.next
        if unsafe size <= state.pointee.end - piece {
            unsafe state.pointee.next = piece + size
            return unsafe piece
        }
        return unsafe allocate(size, fromNewBlockOf: state)
    }

    private static func allocate(
        _ size: Int, fromNewBlockOf state: UnsafeMutablePointer<State>
    ) -> UnsafeMutableRawPointer? {
        let link = 16
        guard unsafe size <= state.pointee.remaining else { return nil }
        let capacity = unsafe min(
            max(size, state.pointee.nextBlockBytes), state.pointee.remaining)
        guard let block = unsafe malloc(link + capacity) else { return nil }
        unsafe block.storeBytes(of: state.pointee.blocks, as: UnsafeMutableRawPointer?.self)
        unsafe state.pointee.blocks = block
        unsafe state.pointee.remaining -= capacity
        unsafe state.pointee.nextBlockBytes = min(2 * capacity, 1 << 20)
        unsafe state.pointee.next = block + link + size
        unsafe state.pointee.end = block + link + capacity
        return unsafe block + link
    }
}
