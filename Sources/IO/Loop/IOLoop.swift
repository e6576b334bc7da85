internal import CLinux
internal import Glibc
import Synchronization
public import Telemetry

/// One thread around one epoll, which is an actor's serial executor and a task executor as well.
///
/// A turn: readiness is told, due timers fire, queued work runs until none is left (or a bound is
/// reached, so that sockets don't starve), turn-end handlers write, and the loop waits again.
///
/// `@unchecked Sendable`: all state but `inbox` is touched by the loop's own thread alone, which
/// every entry point checks.
public final class IOLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
    public let name: String
    private let epoll: Epoll
    private let inbox = Lock(Inbox())
    /// Set when the inbox has work, so that the loop need not lock it to see that it has none.
    private let inboxFilled = Atomic<Bool>(false)
    private let thread = LoopThread()

    // The loop's thread alone from here on.
    var timers = TimerHeap()
    /// Servers' connections that are not established yet.
    var handshakes = HandshakeLine<Connection>()
    private var local: ContiguousArray<Work> = []
    private var running: ContiguousArray<Work> = []
    private var isRunningWork = false
    private var slots: ContiguousArray<Registration?> = []
    private var freeSlots: [Int] = []
    private var generation: UInt32 = 0
    private var turnEnds: ContiguousArray<any TurnEndHandler> = []
    private var turnEndsRunning: ContiguousArray<any TurnEndHandler> = []
    /// One output buffer for all connections of the loop, while nobody has it.
    private var outputBuffer: [UInt8]?
    private var turnTime: MonotonicTime?

    /// How many rounds of queued work one turn runs before it looks at the sockets again.
    private static let roundsPerTurn = 16

    enum Work {
        case actorJob(UnownedJob)
        case taskJob(UnownedJob)
        case action(@Sendable () -> Void)
    }

    /// What other threads hand over.
    struct Inbox {
        var work: ContiguousArray<Work> = []
        var stopping = false
        /// Nothing runs any more. Work that was kept would hold its owners, and they the loop.
        var ended = false
        /// The loop waits, or is about to: whoever adds work must wake it.
        var waiting = false
    }

    /// Starts the thread.
    ///
    /// - Parameter name: The thread's name; 15 bytes of it show in `top`.
    /// - Throws: When the process is out of descriptors or threads.
    public init(name: String) throws(IOError) {
        self.name = name
        epoll = try Epoll()
        Self.ignoreBrokenPipes
        try thread.start { self.run() }
    }

    /// Runs what is queued already, ends the thread and waits for it. Work that comes later never
    /// runs: stop what uses the loop first. Not to be called on the loop.
    public func stop() {
        precondition(!isOnLoop, "A loop can't wait for itself")
        let wake = inbox.withLock { inbox in
            inbox.stopping = true
            return inbox.waiting
        }
        if wake { self.wake() }
        thread.join()
    }

    /// Whether the caller runs on this loop's thread.
    public var isOnLoop: Bool { thread.isCurrent }

    /// Runs the action on the loop, after what is queued there. From any thread.
    public func execute(_ action: @escaping @Sendable () -> Void) {
        add(.action(action))
    }

    /// Runs the action now when the caller is on the loop, else soon.
    public func onLoop(_ action: @escaping @Sendable () -> Void) {
        if isOnLoop { action() } else { execute(action) }
    }

    func add(_ work: Work) {
        if isOnLoop {
            local.append(work)
            return
        }
        let wake = inbox.withLock { inbox in
            guard !inbox.ended else { return false }
            inbox.work.append(work)
            inboxFilled.store(true, ordering: .releasing)
            defer { inbox.waiting = false }
            return inbox.waiting
        }
        if wake { self.wake() }
    }

    private func wake() {
        _ = clinux_eventfd_add(epoll.wakeDescriptor)
    }

    // MARK: Loop thread only

    /// An empty buffer to produce output in. Whoever keeps it, because its peer is slow, makes the
    /// loop allocate another one.
    func takeOutputBuffer() -> [UInt8] {
        if let buffer = outputBuffer.take() { return buffer }
        var buffer: [UInt8] = []
        buffer.reserveCapacity(Connection.writeSize + 2 * Connection.readSize)
        return buffer
    }

    /// In out, so that the buffer has one owner at any time: with two it would be copied.
    func giveBack(_ buffer: inout [UInt8]) {
        buffer.removeAll(keepingCapacity: true)
        outputBuffer = buffer
        buffer = []
    }

    /// Watches a descriptor, level-triggered. On the loop only.
    public func register(
        _ fd: Int32, _ interest: Interest, handler: any ReadinessHandler
    ) throws(IOError) -> Registration {
        precondition(isOnLoop)
        generation &+= 1
        let slot = freeSlots.popLast() ?? slots.count
        let registration = Registration(
            fd: fd, slot: slot, generation: generation, interest: interest, loop: self,
            handler: handler)
        if slot == slots.count { slots.append(nil) }
        do {
            try epoll.add(fd, interest, token: registration.token)
        } catch {
            freeSlots.append(slot)
            throw error
        }
        slots[slot] = registration
        return registration
    }

    func modify(_ registration: Registration) {
        precondition(isOnLoop)
        epoll.modify(registration.fd, registration.interest, token: registration.token)
    }

    func remove(_ registration: Registration) {
        precondition(isOnLoop)
        epoll.remove(registration.fd)
        slots[registration.slot] = nil
        freeSlots.append(registration.slot)
    }

    /// When this turn first asked for the time: one look at the clock a turn. On the loop only.
    public var now: MonotonicTime {
        if let turnTime { return turnTime }
        let time = MonotonicTime(nanoseconds: clinux_monotonic_nanoseconds())
        turnTime = time
        return time
    }

    /// Runs the action once, not before `after` has passed. On the loop only.
    public func schedule(after: Duration, _ action: @escaping () -> Void) -> IOTimer {
        precondition(isOnLoop)
        let timer = IOTimer(
            due: clinux_monotonic_nanoseconds() &+ after.wholeNanoseconds, loop: self,
            action: action)
        timers.insert(timer)
        return timer
    }

    /// Calls the handler once, at the end of this turn. On the loop only.
    public func atTurnEnd(_ handler: any TurnEndHandler) {
        turnEnds.append(handler)
    }

    private func run() {
        unsafe name.withCString { name in unsafe clinux_name_thread(name) }
        while turn() {}
        // Whatever its owners left registered would hold the loop, and the loop them.
        for registration in slots {
            registration?.handler?.loopEnded()
            registration?.cancel()
        }
        // What they let go of may cancel others, so neither is being written to meanwhile.
        while !timers.isEmpty { withExtendedLifetime(timers.takeAll()) {} }
        let waiting = handshakes
        handshakes = HandshakeLine()
        withExtendedLifetime(waiting) {}
        // Letting go may ask for more.
        while !turnEnds.isEmpty || !local.isEmpty {
            let left = (turnEnds, local)
            turnEnds = []
            local = []
            withExtendedLifetime(left) {}
        }
    }

    /// - Returns: Whether another turn follows.
    private func turn() -> Bool {
        let more = runWork()
        runTurnEnds()
        var timeout: Int32 = 0
        if !more && local.isEmpty {
            let (idle, stopping) = inbox.withLock { inbox in
                let idle = inbox.work.isEmpty && !inbox.stopping
                inbox.waiting = idle
                inbox.ended = inbox.stopping && inbox.work.isEmpty
                return (idle, inbox.ended)
            }
            if stopping { return false }
            if idle { timeout = millisecondsToNextTimer() }
        }
        let count = epoll.wait(milliseconds: timeout)
        turnTime = nil
        for index in 0..<count { tell(epoll.event(index)) }
        fireTimers()
        return true
    }

    private func tell(_ event: (token: UInt64, readiness: Readiness)) {
        if event.token == Epoll.wakeToken {
            epoll.drainWake()
            return
        }
        let slot = Int(event.token & 0xffff_ffff)
        guard let registration = slots[slot], registration.token == event.token else { return }
        registration.handler?.ready(event.readiness)
    }

    private func fireTimers() {
        guard !timers.isEmpty else { return }
        let now = clinux_monotonic_nanoseconds()
        while let timer = timers.popDue(at: now) { timer.fire() }
    }

    /// - Returns: Whether work is left.
    private func runWork() -> Bool {
        let actorExecutor = unsafe asUnownedSerialExecutor()
        let taskExecutor = unsafe asUnownedTaskExecutor()
        for _ in 0..<Self.roundsPerTurn {
            if inboxFilled.load(ordering: .acquiring) { emptyInbox() }
            if local.isEmpty { return false }
            swap(&local, &running)
            isRunningWork = true
            for work in running {
                switch work {
                case .actorJob(let job): unsafe job.runSynchronously(on: actorExecutor)
                case .taskJob(let job): unsafe job.runSynchronously(on: taskExecutor)
                case .action(let action): action()
                }
            }
            isRunningWork = false
            running.removeAll(keepingCapacity: true)
        }
        return true
    }

    /// Runs the task that was started last, up to where it first waits, before all else that is
    /// queued: what it was started for is in the processor's cache still, and what it takes and frees
    /// is there for the next one. Within other work it stays queued. On the loop only.
    public func runNewestTask() {
        precondition(isOnLoop)
        guard !isRunningWork, case .taskJob(let job) = local.last else { return }
        local.removeLast()
        unsafe job.runSynchronously(on: asUnownedTaskExecutor())
    }

    private func emptyInbox() {
        inbox.withLock { inbox in
            local.append(contentsOf: inbox.work)
            inbox.work.removeAll(keepingCapacity: true)
            inboxFilled.store(false, ordering: .relaxed)
            inbox.waiting = false
        }
    }

    /// A handler may ask for another turn end; it comes at the end of the next turn.
    private func runTurnEnds() {
        guard !turnEnds.isEmpty else { return }
        swap(&turnEnds, &turnEndsRunning)
        for handler in turnEndsRunning { handler.turnEnded() }
        turnEndsRunning.removeAll(keepingCapacity: true)
    }

    /// Rounded up, so that a timer is never looked at too early and the loop never spins.
    private func millisecondsToNextTimer() -> Int32 {
        if !turnEnds.isEmpty { return 0 }
        guard let next = timers.next else { return -1 }
        let now = clinux_monotonic_nanoseconds()
        guard next > now else { return 0 }
        return Int32(clamping: (next - now + 999_999) / 1_000_000)
    }

    /// A peer that closes must be an error of that write, never a signal to the process.
    private static let ignoreBrokenPipes: Void = {
        _ = signal(SIGPIPE, SIG_IGN)
    }()
}
