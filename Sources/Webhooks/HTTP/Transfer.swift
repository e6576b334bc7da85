internal import CCurl
internal import Glibc

/// Owns libcurl's handle of one request, and all that the handle points to.
///
/// Used on its loop alone; libcurl calls back from within the calls that drive it.
@safe
final class Transfer {
    let handle: UnsafeMutableRawPointer
    /// Of the handle.
    var address: UInt { UInt(bitPattern: unsafe handle) }
    private var headers: UnsafeMutablePointer<curl_slist>?
    /// The library keeps its address.
    private let body: UnsafeMutableBufferPointer<UInt8>
    private let allowsPrivateAddresses: Bool
    private var refusedAddress = false
    /// One of the name's addresses was tried.
    private var hasTried = false
    private var received = 0
    /// The headers of an answer are complete. Those before it (RFC 9110 §15.2) are none.
    private var isAnswered = false
    /// Told of each new socket, before libcurl has it.
    var opened: ((Int32) -> Void)?

    /// Of headers and of body, each. What comes beyond it is not read.
    static let maxReceivedBytes = 64 << 10
    /// Issuers' certificates are read again when they are older, in seconds.
    private static let issuersAge = 60
    /// A connection that does not stand by then goes nowhere.
    private static let connectTimeLimit: Duration = .seconds(10)

    init(_ request: HTTPRequest, userAgent: String) {
        guard let handle = unsafe curl_easy_init() else { preconditionFailure("out of memory") }
        unsafe self.handle = handle
        unsafe body = .allocate(capacity: max(request.body.count, 1))
        _ = unsafe body.initialize(from: request.body)
        allowsPrivateAddresses = request.allowsPrivateAddresses
        let added = request.headers.map { "\($0.name): \($0.value)" }
        // Of its own accord libcurl would wait for leave to send a large body.
        for line in added + ["expect:", "user-agent: \(userAgent)"] {
            unsafe headers = curl_slist_append(headers, line)
        }
        setRequest(request)
        setLimits(request)
        setCallbacks()
    }

    deinit {
        unsafe curl_easy_cleanup(handle)
        unsafe curl_slist_free_all(headers)
        unsafe body.deallocate()
    }

    private func setRequest(_ request: HTTPRequest) {
        set(CURLOPT_URL, request.url.text)
        set(CURLOPT_POST, 1)
        check(unsafe ccurl_set_object(handle, CURLOPT_POSTFIELDS, body.baseAddress))
        check(unsafe ccurl_set_size(handle, CURLOPT_POSTFIELDSIZE_LARGE, Int(request.body.count)))
        check(unsafe ccurl_set_object(handle, CURLOPT_HTTPHEADER, headers))
        set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        if let trustRoots = request.trustRoots {
            set(CURLOPT_CAINFO, trustRoots)
            check(unsafe ccurl_set_text(handle, CURLOPT_CAPATH, nil))
        }
    }

    private func setLimits(_ request: HTTPRequest) {
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_FOLLOWLOCATION, 0)
        // A proxy of the environment would connect where we would not.
        set(CURLOPT_PROXY, "")
        set(CURLOPT_NOSIGNAL, 1)
        // Names are looked up on threads of libcurl's, for which it would wait when time is up: the
        // loop, and all other requests with it. Left alone, such a thread cleans up after itself.
        set(CURLOPT_QUICK_EXIT, 1)
        set(CURLOPT_CA_CACHE_TIMEOUT, Self.issuersAge)
        set(CURLOPT_TIMEOUT_MS, max(1, request.timeLimit.wholeMilliseconds))
        set(
            CURLOPT_CONNECTTIMEOUT_MS,
            max(1, min(request.timeLimit, Self.connectTimeLimit).wholeMilliseconds))
    }

    private func setCallbacks() {
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        check(unsafe ccurl_on_bytes(handle, CURLOPT_WRITEFUNCTION, Self.bodyCame))
        check(unsafe ccurl_set_object(handle, CURLOPT_WRITEDATA, context))
        check(unsafe ccurl_on_bytes(handle, CURLOPT_HEADERFUNCTION, Self.headerCame))
        check(unsafe ccurl_set_object(handle, CURLOPT_HEADERDATA, context))
        check(unsafe ccurl_on_socket_open(handle, Self.openSocket))
        check(unsafe ccurl_set_object(handle, CURLOPT_OPENSOCKETDATA, context))
        check(unsafe ccurl_on_connected(handle, Self.connected))
        check(unsafe ccurl_set_object(handle, CURLOPT_PREREQDATA, context))
    }

    private func set(_ option: CURLoption, _ value: Int) {
        check(unsafe ccurl_set_number(handle, option, value))
    }

    private func set(_ option: CURLoption, _ value: String) {
        check(unsafe ccurl_set_text(handle, option, value))
    }

    /// An option that does not count would be a rule that does not hold.
    private func check(_ code: CURLcode) {
        precondition(code == CURLE_OK, "libcurl refuses an option")
    }

    // MARK: What became of it

    /// - Parameter code: With which libcurl ended it.
    func outcome(_ code: CURLcode) -> HTTPOutcome {
        if isAnswered {
            return .answered(status: number(CURLINFO_RESPONSE_CODE), retryAfter: retryAfter)
        }
        if refusedAddress, !hasTried { return .refusedAddress }
        if code == CURLE_OPERATION_TIMEDOUT { return .timedOut }
        return .failed(reason: unsafe String(cString: curl_easy_strerror(code)))
    }

    /// Nil when there is no such header; a date is counted from now by libcurl.
    private var retryAfter: Duration? {
        var seconds: curl_off_t = 0
        guard unsafe ccurl_get_size(handle, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK,
            seconds > 0
        else { return nil }
        return .seconds(min(seconds, 1 << 31))
    }

    private func number(_ info: CURLINFO) -> Int {
        var number = 0
        return unsafe ccurl_get_number(handle, info, &number) == CURLE_OK ? number : 0
    }

    // MARK: Callbacks

    private static func of(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        unsafe context.map { unsafe Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Taking less than was given ends the transfer.
    private static let bodyCame: curl_write_callback = { _, size, count, context in
        guard let transfer = unsafe of(context) else { return 0 }
        return transfer.take(size * count)
    }

    private static let headerCame: curl_write_callback = { bytes, size, count, context in
        guard let transfer = unsafe of(context) else { return 0 }
        let line = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
        let isEnd = unsafe line.elementsEqual([0x0D, 0x0A]) || line.elementsEqual([0x0A])
        let taken = transfer.take(size * count)
        if isEnd, transfer.number(CURLINFO_RESPONSE_CODE) >= 200 {
            transfer.isAnswered = true
            transfer.received = 0
        }
        return taken
    }

    private func take(_ count: Int) -> Int {
        received += count
        return received <= Self.maxReceivedBytes ? count : 0
    }

    private static let openSocket: curl_opensocket_callback = { context, _, address in
        guard let transfer = unsafe of(context), let address = unsafe address else { return -1 }
        let bytes = unsafe withUnsafePointer(to: &address.pointee.addr) { generic in
            unsafe SocketAddressBytes.bytes(generic, family: address.pointee.family)
        }
        guard transfer.allows(bytes) else { return -1 }
        transfer.hasTried = true
        let type = unsafe address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = unsafe socket(
            address.pointee.family, type, address.pointee.protocol)
        if descriptor >= 0 { transfer.opened?(descriptor) }
        return descriptor
    }

    /// A connection that stands may have been made for an endpoint that is allowed more.
    private static let connected: curl_prereq_callback = { context, address, _, _, _ in
        guard let transfer = unsafe of(context), let address = unsafe address,
            transfer.allows(SocketAddressText.bytes(unsafe String(cString: address)))
        else { return CURL_PREREQFUNC_ABORT }
        return CURL_PREREQFUNC_OK
    }

    private func allows(_ address: [UInt8]?) -> Bool {
        if allowsPrivateAddresses { return true }
        if let address, AddressRules.isPublic(address) { return true }
        refusedAddress = true
        return false
    }
}

extension Duration {
    /// Rounded down.
    var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) * 1_000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}
