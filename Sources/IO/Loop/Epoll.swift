internal import CLinux
internal import Glibc

/// Owns an epoll descriptor, an eventfd that wakes it, and the array it reports into.
@safe
final class Epoll {
    private let epoll: Int32
    /// Only ``wake()`` touches it from other threads; writing to an eventfd is atomic.
    let wakeDescriptor: Int32
    private let events: UnsafeMutablePointer<clinux_event>
    private static let capacity: Int32 = 256
    static let wakeToken = UInt64.max

    init() throws(IOError) {
        epoll = try check(clinux_epoll_create(), "epoll_create")
        do {
            wakeDescriptor = try check(clinux_eventfd(), "eventfd")
        } catch {
            close(epoll)
            throw error
        }
        unsafe events = .allocate(capacity: Int(Self.capacity))
        _ = try check(
            clinux_epoll_add(epoll, wakeDescriptor, UInt32(CLINUX_READ), Self.wakeToken),
            "epoll_add")
    }

    deinit {
        close(epoll)
        close(wakeDescriptor)
        unsafe events.deallocate()
    }

    func add(_ fd: Int32, _ interest: Interest, token: UInt64) throws(IOError) {
        _ = try check(clinux_epoll_add(epoll, fd, Self.flags(interest), token), "epoll_add")
    }

    func modify(_ fd: Int32, _ interest: Interest, token: UInt64) {
        let result = clinux_epoll_modify(epoll, fd, Self.flags(interest), token)
        precondition(result == 0, "The descriptor was closed before its registration")
    }

    func remove(_ fd: Int32) {
        _ = clinux_epoll_remove(epoll, fd)
    }

    /// - Parameter milliseconds: Below 0 waits for ever.
    /// - Returns: How many events ``event(_:)`` has.
    func wait(milliseconds: Int32) -> Int {
        let count = unsafe clinux_epoll_wait(epoll, events, Self.capacity, milliseconds)
        precondition(count >= 0, "epoll_wait failed")
        return Int(count)
    }

    func event(_ index: Int) -> (token: UInt64, readiness: Readiness) {
        let event = unsafe events[index]
        var readiness = Readiness()
        let flags = Int(event.events)
        if flags & (CLINUX_READ | CLINUX_PEER_CLOSED) != 0 { readiness.insert(.readable) }
        if flags & CLINUX_WRITE != 0 { readiness.insert(.writable) }
        if flags & CLINUX_HANGUP != 0 { readiness.insert(.hangup) }
        if flags & CLINUX_ERROR != 0 { readiness.insert(.error) }
        return (event.token, readiness)
    }

    func drainWake() {
        _ = clinux_eventfd_drain(wakeDescriptor)
    }

    private static func flags(_ interest: Interest) -> UInt32 {
        var flags = 0
        if interest.contains(.read) { flags |= CLINUX_READ }
        if interest.contains(.write) { flags |= CLINUX_WRITE }
        return UInt32(flags)
    }
}
