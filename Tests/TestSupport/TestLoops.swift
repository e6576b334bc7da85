public import IO

/// The event loops of a test process.
public enum TestLoops {
    public static let group: IOLoopGroup = {
        do {
            return try IOLoopGroup(count: 2, name: "test-io")
        } catch {
            preconditionFailure("no event loops: \(error)")
        }
    }()

    public static var next: IOLoop { group.next() }
}
