/// A descriptor in a loop's care. Used on the loop's thread alone.
///
/// The loop holds the registration, and with it the handler, until ``cancel()``: an owner that is
/// its own handler must cancel before it closes the descriptor.
public final class Registration {
    let fd: Int32
    let slot: Int
    /// Told apart from an earlier registration in the same slot.
    let generation: UInt32
    private(set) var interest: Interest
    private let loop: IOLoop
    private(set) var handler: (any ReadinessHandler)?

    init(
        fd: Int32, slot: Int, generation: UInt32, interest: Interest, loop: IOLoop,
        handler: any ReadinessHandler
    ) {
        self.fd = fd
        self.slot = slot
        self.generation = generation
        self.interest = interest
        self.loop = loop
        self.handler = handler
    }

    /// The epoll token: generation above, slot below.
    var token: UInt64 { UInt64(generation) << 32 | UInt64(slot) }

    /// An empty interest still hears of hangups and errors.
    public func update(_ interest: Interest) {
        guard interest != self.interest, handler != nil else { return }
        self.interest = interest
        loop.modify(self)
    }

    /// Ends it; no readiness is told after this, not even one that was found already.
    public func cancel() {
        guard handler != nil else { return }
        handler = nil
        loop.remove(self)
    }
}
