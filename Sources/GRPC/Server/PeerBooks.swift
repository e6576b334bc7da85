import HTTP2
import Telemetry

/// Who may connect, as decisions: how many connections there are from each address, and how often
/// one of them was cut off for what it did.
///
/// Whoever is cut off comes back at once and begins anew, and a connection costs more than most of
/// what it is cut off for. So an address may be cut off now and then; beyond that it stays out.
struct PeerBooks {
    private struct Peer {
        var connections = 0
        var cutOffs: TokenBucket
    }

    private let maxConnections: Int
    private let fresh: TokenBucket
    private var peers: [String: Peer] = [:]
    /// Addresses without a connection that are remembered for their cut-offs.
    private var absent = 0

    private static let maxAbsent = 4_096

    init(_ configuration: RPCServerConfiguration) {
        maxConnections = configuration.maxConnectionsPerPeer
        fresh = TokenBucket(
            burst: configuration.cutOffBurst, perSecond: configuration.cutOffsPerSecond)
    }

    /// The limit that keeps a connection from there out.
    mutating func refusal(of name: String, at now: MonotonicTime) -> RuntimeLimit? {
        guard var peer = peers[name] else { return nil }
        if peer.connections >= maxConnections { return .connectionsPerPeer }
        let isOut = peer.cutOffs.isEmpty(at: now)
        peers[name] = peer
        return isOut ? .cutOffs : nil
    }

    mutating func opened(_ name: String) {
        var peer = peers[name] ?? Peer(cutOffs: fresh)
        if peers[name] != nil && peer.connections == 0 { absent -= 1 }
        peer.connections += 1
        peers[name] = peer
    }

    /// One of its connections is cut off.
    mutating func cutOff(_ name: String, at now: MonotonicTime) {
        _ = peers[name]?.cutOffs.take(at: now)
    }

    mutating func closed(_ name: String, at now: MonotonicTime) {
        guard var peer = peers[name] else { return }
        peer.connections -= 1
        let isForgotten = peer.connections == 0 && peer.cutOffs.isFull(at: now)
        peers[name] = isForgotten ? nil : peer
        guard !isForgotten, peer.connections == 0 else { return }
        absent += 1
        if absent > Self.maxAbsent { forgetAbsent(at: now) }
    }

    /// Those whose time is over; all of them when that is too few.
    private mutating func forgetAbsent(at now: MonotonicTime) {
        for all in [false, true] {
            for (name, peer) in peers where peer.connections == 0 {
                var cutOffs = peer.cutOffs
                guard all || cutOffs.isFull(at: now) else { continue }
                peers[name] = nil
                absent -= 1
            }
            if absent <= Self.maxAbsent / 2 { return }
        }
    }
}
