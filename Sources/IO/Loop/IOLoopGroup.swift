import Synchronization

/// A fixed number of loops, handed out in turn.
public final class IOLoopGroup: Sendable {
    public let loops: [IOLoop]
    private let turn = Atomic<Int>(0)

    /// - Parameter count: At least 1; usually one for each core.
    public init(count: Int, name: String = "apus-io") throws(IOError) {
        precondition(count > 0)
        var loops: [IOLoop] = []
        do {
            for index in 0..<count { loops.append(try IOLoop(name: "\(name)-\(index)")) }
        } catch {
            for loop in loops { loop.stop() }
            throw error
        }
        self.loops = loops
    }

    /// The next loop in turn.
    public func next() -> IOLoop {
        let turn = turn.wrappingAdd(1, ordering: .relaxed).oldValue
        return loops[Int(UInt(bitPattern: turn) % UInt(loops.count))]
    }

    /// Ends every loop as ``IOLoop/stop()`` does.
    public func stop() {
        for loop in loops { loop.stop() }
    }
}
