import Telemetry

/// Runs work under a lease: waits for it, renews it, and cancels the work when it is lost.
struct LeaseKeeper: Sendable {
    struct Configuration: Sendable {
        /// Without renewal for so long, another node takes over.
        var time: Duration = .seconds(6)
        var renewalInterval: Duration = .seconds(2)
        /// A node that waits for a lease asks so often.
        var attemptInterval: Duration = .seconds(1)

        init() {}

        init(time: Duration) {
            self.time = time
            renewalInterval = time / 3
            attemptInterval = time / 6
        }
    }

    /// The work was cancelled because its lease was lost.
    struct LeaseLost: Error {}

    let store: any LeaseStore
    /// Names this process, and no other.
    let holder: String
    var configuration = Configuration()
    let time: Timekeeper
    let logger: Logger

    /// Waits for the lease and does the work under it; begins anew, after a pause, when that failed or
    /// the lease was lost. Returns when the node drains.
    ///
    /// - Parameters:
    ///   - isDraining: Asked at each attempt and after each end.
    ///   - idle: Told that the work is not this node's: another has the lease, or the node drains.
    ///   - failed: Told of each failure, but for a lost lease, of which the log tells already.
    /// - Throws: `CancellationError`.
    func keepAt(
        _ name: String, unless isDraining: @Sendable () -> Bool,
        _ work: @escaping @Sendable (Lease) async throws -> Void,
        idle: () -> Void, failed: (any Error) -> Void
    ) async throws {
        defer { idle() }
        var backOff = BackOff()
        while !isDraining() {
            let began = time.now()
            do {
                try await withLease(name, unless: isDraining, idle: idle, work)
            } catch let error as CancellationError {
                throw error
            } catch is LeaseLost {
                // Perhaps to nobody: the store may be away.
            } catch {
                failed(error)
            }
            if isDraining() { return }
            if time.now() - began > .seconds(30) { backOff.reset() }
            try await time.sleep(for: backOff.next())
        }
    }

    /// Waits for the lease, then runs the body under it.
    ///
    /// - Parameter isEnding: Asked at each attempt: whether to give up waiting.
    /// - Throws: What the body throws; ``LeaseLost``.
    private func withLease(
        _ name: String, unless isEnding: @Sendable () -> Bool, idle: () -> Void,
        _ body: @escaping @Sendable (Lease) async throws -> Void
    ) async throws {
        while !isEnding() {
            let asked = time.now()
            if let lease = try await acquire(name) {
                return try await hold(lease, since: asked, body)
            }
            idle()
            try await time.sleep(for: configuration.attemptInterval)
        }
    }

    /// Runs the body if the lease is free now; nil when it is not.
    func withLeaseIfFree<Result: Sendable>(
        _ name: String, _ body: @escaping @Sendable (Lease) async throws -> Result
    ) async throws -> Result? {
        let asked = time.now()
        guard let lease = try await acquire(name) else { return nil }
        return try await hold(lease, since: asked, body)
    }

    private func acquire(_ name: String) async throws -> Lease? {
        try await store.acquire(name, holder: holder, for: configuration.time)
    }

    private func hold<Result: Sendable>(
        _ lease: Lease, since asked: Duration,
        _ body: @escaping @Sendable (Lease) async throws -> Result
    ) async throws -> Result {
        logger.debug("Lease taken", [.lease: .init(lease.name), .fence: .init(lease.fence)])
        let outcome: Result
        do {
            outcome = try await withThrowingTaskGroup(of: Result?.self) { group in
                group.addTask { try await body(lease) }
                group.addTask {
                    try await renew(lease, since: asked)
                    return nil
                }
                defer { group.cancelAll() }
                // The renewal ends only when the lease is lost; the body then ends too, cancelled.
                guard let first = try await group.next(), let result = first else {
                    throw LeaseLost()
                }
                return result
            }
        } catch let error as LeaseLost {
            logger.warning("Lease lost", [.lease: .init(lease.name), .fence: .init(lease.fence)])
            throw error
        } catch {
            await release(lease)
            throw error
        }
        await release(lease)
        return outcome
    }

    private func release(_ lease: Lease) async {
        do {
            try await store.release(lease)
        } catch {
            // It expires by itself.
            logger.debug("Lease not given back", [.lease: .init(lease.name)])
        }
    }

    /// Returns when the lease is lost, or may be: by our clock, counted from before the store was
    /// asked, it has run out.
    private func renew(_ lease: Lease, since asked: Duration) async throws {
        var expires = asked + configuration.time
        var pause = configuration.renewalInterval
        while true {
            try await time.sleep(for: pause)
            let now = time.now()
            if now >= expires { return }
            do {
                guard try await store.renew(lease, for: configuration.time) else { return }
                expires = now + configuration.time
                pause = configuration.renewalInterval
            } catch let error as CancellationError {
                throw error
            } catch {
                pause = min(configuration.renewalInterval / 4, max(expires - now, .zero))
            }
        }
    }
}
