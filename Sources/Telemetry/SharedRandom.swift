import Glibc

/// Random numbers that nobody can foresee, for ids that are made with every call.
///
/// They are the system's, as those of `SystemRandomNumberGenerator`, which makes one system call
/// for each 8 bytes; here all threads share what one call brings. A child that goes on after a
/// fork would draw its parent's numbers: there is none.
public struct SharedRandom: RandomNumberGenerator, Sendable {
    private static let supply = Lock([UInt64]())
    /// `getentropy` gives 256 bytes at most, and those always.
    private static let refill = 32

    public init() {}

    public func next() -> UInt64 {
        Self.supply.withLock { numbers in
            if numbers.isEmpty { Self.fill(&numbers) }
            return numbers.removeLast()
        }
    }

    private static func fill(_ numbers: inout [UInt64]) {
        numbers.append(contentsOf: repeatElement(0, count: refill))
        let outcome = numbers.withUnsafeMutableBytes { getentropy($0.baseAddress, $0.count) }
        guard outcome != 0 else { return }
        // A kernel without the call; the standard library knows other ways.
        var system = SystemRandomNumberGenerator()
        for index in numbers.indices { numbers[index] = system.next() }
    }
}
