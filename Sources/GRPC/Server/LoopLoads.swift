import IO

/// How many connections each loop has.
///
/// The next one goes to a loop with the fewest, the first such of the group: a client that is alone
/// shares the loop of what the process does besides, and crosses threads for nothing.
struct LoopLoads {
    private var connections: [ObjectIdentifier: Int] = [:]

    mutating func opened(on loop: IOLoop) {
        connections[ObjectIdentifier(loop), default: 0] += 1
    }

    mutating func closed(on loop: IOLoop) {
        connections[ObjectIdentifier(loop), default: 0] -= 1
    }

    func idlest(of group: IOLoopGroup) -> IOLoop {
        var idlest = group.loops[0]
        for loop in group.loops.dropFirst() where load(of: loop) < load(of: idlest) {
            idlest = loop
        }
        return idlest
    }

    private func load(of loop: IOLoop) -> Int { connections[ObjectIdentifier(loop)] ?? 0 }
}
