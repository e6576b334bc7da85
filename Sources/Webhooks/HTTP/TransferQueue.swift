internal import CCurl
internal import IO

/// Owns libcurl's handle of many requests at a time, and drives them by its loop: libcurl says which
/// sockets and which moment it waits for, and is told when they come.
///
/// Used on the loop alone. ``close()`` comes before its end.
@safe
final class TransferQueue {
    private let multi: UnsafeMutableRawPointer
    private let loop: IOLoop
    private var sockets: [Int32: SocketWatch] = [:]
    private var timer: IOTimer?
    private let lookInterval: Duration
    private var nextLook: IOTimer?
    /// By the addresses of their handles.
    private var running: [UInt: Running] = [:]

    private struct Running {
        let transfer: Transfer
        let ended: (HTTPOutcome?) -> Void
    }

    /// Connections that wait to be used again.
    private static let maxIdleConnections = 64

    /// Prepares the library, once for the process.
    private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// - Parameter interval: How often libcurl looks at all that is under way.
    init(on loop: IOLoop, lookingEvery interval: Duration = .milliseconds(500)) {
        precondition(Self.isReady, "libcurl does not start")
        guard let multi = unsafe curl_multi_init() else { preconditionFailure("out of memory") }
        unsafe self.multi = multi
        self.loop = loop
        lookInterval = interval
        unsafe ccurl_multi_set_number(multi, CURLMOPT_MAXCONNECTS, Self.maxIdleConnections)
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe ccurl_multi_on_socket(multi, Self.socketChanged, context)
        unsafe ccurl_multi_on_timer(multi, Self.timerChanged, context)
    }

    deinit {
        unsafe ccurl_multi_on_socket(multi, nil, nil)
        unsafe ccurl_multi_on_timer(multi, nil, nil)
        unsafe curl_multi_cleanup(multi)
    }

    /// - Parameter ended: Called once, never from within this; nil: it was cancelled.
    func start(_ transfer: Transfer, ended: @escaping (HTTPOutcome?) -> Void) {
        running[transfer.address] = Running(transfer: transfer, ended: ended)
        transfer.opened = { [weak self] socket in self?.sockets[socket]?.renew() }
        let code = unsafe curl_multi_add_handle(multi, transfer.handle)
        precondition(code == CURLM_OK, "libcurl refuses a transfer")
        lookLater()
    }

    /// Does nothing when it has ended.
    func cancel(_ transfer: Transfer) {
        end(transfer.address)?(nil)
    }

    /// Cancels everything.
    func close() {
        for address in Array(running.keys) { end(address)?(nil) }
        for watch in sockets.values { watch.stop() }
        sockets = [:]
        timer?.cancel()
        timer = nil
        nextLook?.cancel()
        nextLook = nil
    }

    private func end(_ address: UInt) -> ((HTTPOutcome?) -> Void)? {
        guard let removed = running.removeValue(forKey: address) else { return nil }
        // Its handle is gone with it.
        withExtendedLifetime(removed) {
            _ = unsafe curl_multi_remove_handle(multi, removed.transfer.handle)
        }
        return removed.ended
    }

    // MARK: Driving

    fileprivate func act(on socket: Int32, _ readiness: Readiness) {
        var events: Int32 = 0
        if readiness.contains(.readable) { events |= CURL_CSELECT_IN }
        if readiness.contains(.writable) { events |= CURL_CSELECT_OUT }
        if !readiness.isDisjoint(with: [.hangup, .error]) { events |= CURL_CSELECT_ERR }
        act(socket, events)
    }

    private func act(_ socket: Int32, _ events: Int32) {
        var left: Int32 = 0
        unsafe curl_multi_socket_action(multi, socket, events, &left)
        finish()
    }

    /// Beside sockets and moments: when the time for one address is up, libcurl (7.88) closes its socket and
    /// wakes nobody, so that the next address would be tried when the time for all of them is up.
    private func lookLater() {
        guard nextLook == nil, !running.isEmpty else { return }
        nextLook = loop.schedule(after: lookInterval) { [weak self] in
            guard let self else { return }
            nextLook = nil
            var left: Int32 = 0
            unsafe ccurl_multi_look_at_all(multi, &left)
            finish()
            lookLater()
        }
    }

    /// Tells of every transfer that has ended.
    private func finish() {
        var left: Int32 = 0
        while let message = unsafe curl_multi_info_read(multi, &left) {
            guard unsafe message.pointee.msg == CURLMSG_DONE,
                let handle = unsafe message.pointee.easy_handle
            else { continue }
            // Gone with the handle's removal.
            let code = unsafe message.pointee.data.result
            let address = UInt(bitPattern: handle)
            let outcome = running[address]?.transfer.outcome(code)
            end(address)?(outcome)
        }
    }

    // MARK: Callbacks

    private static func of(_ context: UnsafeMutableRawPointer?) -> TransferQueue? {
        unsafe context.map { unsafe Unmanaged<TransferQueue>.fromOpaque($0).takeUnretainedValue() }
    }

    private static let socketChanged: curl_socket_callback = { _, socket, what, context, _ in
        guard let queue = unsafe of(context) else { return 0 }
        guard what != CURL_POLL_REMOVE else {
            queue.sockets.removeValue(forKey: socket)?.stop()
            return 0
        }
        var interest: Interest = []
        if what & CURL_POLL_IN != 0 { interest.insert(.read) }
        if what & CURL_POLL_OUT != 0 { interest.insert(.write) }
        if let watch = queue.sockets[socket] {
            watch.update(interest)
        } else {
            // Without a watch the transfer ends by its time limit.
            queue.sockets[socket] = try? SocketWatch(socket, interest, of: queue, on: queue.loop)
        }
        return 0
    }

    private static let timerChanged: curl_multi_timer_callback = { _, milliseconds, context in
        guard let queue = unsafe of(context) else { return 0 }
        queue.timer?.cancel()
        queue.timer = nil
        guard milliseconds >= 0 else { return 0 }
        queue.timer = queue.loop.schedule(after: .milliseconds(milliseconds)) { [weak queue] in
            queue?.timer = nil
            queue?.act(CURL_SOCKET_BAD, 0)
        }
        return 0
    }
}

/// One socket of libcurl's on the loop.
private final class SocketWatch: ReadinessHandler {
    private let socket: Int32
    private var interest: Interest
    private weak var queue: TransferQueue?
    private let loop: IOLoop
    private var registration: Registration?

    init(
        _ socket: Int32, _ interest: Interest, of queue: TransferQueue, on loop: IOLoop
    ) throws(IOError) {
        self.socket = socket
        self.interest = interest
        self.queue = queue
        self.loop = loop
        registration = try loop.register(socket, interest, handler: self)
    }

    func update(_ interest: Interest) {
        guard interest != self.interest else { return }
        self.interest = interest
        renew()
    }

    /// Registers the socket that has the number now. libcurl (7.88) closes one before it tells so, and the
    /// next one, which it has opened meanwhile, may have got the number and want the same.
    func renew() {
        registration?.cancel()
        // Without one the transfer ends by its time limit.
        registration = try? loop.register(socket, interest, handler: self)
    }

    func stop() {
        registration?.cancel()
        registration = nil
    }

    func ready(_ readiness: Readiness) { queue?.act(on: socket, readiness) }
}
