internal import COpenSSL
internal import Glibc

/// Owns one `SSL` on a connected descriptor, which it doesn't own. Used on its connection's loop
/// alone; after a throw only to be let go.
///
/// OpenSSL reads more than it hands out, and may have to write in order to read (and the other way
/// round): ``isDrained`` and the two `Wants` tell when to come back.
@safe
final class TLSSession {
    private let raw: OpaquePointer
    /// Outlives `raw`, which uses its memory.
    private let context: TLSContextHandle
    /// Nothing is left to read until the descriptor is readable again. The handshake may have taken
    /// more from the kernel than was its own.
    private(set) var isDrained = false
    /// A read goes on when the descriptor can be written.
    private(set) var readWantsWrite = false
    /// A write goes on when the descriptor can be read.
    private(set) var writeWantsRead = false
    /// What comes after the bytes that ``read(into:)`` had in hand.
    private var end: Result<Void, IOError>?

    private static let flooded = IOError(
        .tlsRefused, operation: "TLS read", reason: "too many key updates")

    enum Step { case done, wantsRead, wantsWrite }

    /// - Parameter serverName: Whose certificate a client insists on: a host name or a numeric
    ///   address.
    init(_ context: TLSContextHandle, fd: Int32, serverName: String?) throws(IOError) {
        self.context = context
        guard let raw = unsafe SSL_new(context.raw) else {
            throw IOError(operation: "TLS session", errno: ENOMEM)
        }
        unsafe self.raw = raw
        guard unsafe SSL_set_fd(raw, fd) == 1 else {
            throw IOError(operation: "TLS session", errno: ENOMEM)
        }
        switch context.role {
        case .server: unsafe SSL_set_accept_state(raw)
        case .client:
            unsafe SSL_set_connect_state(raw)
            guard let serverName else {
                preconditionFailure("A client must know whose certificate it insists on")
            }
            try insist(on: serverName)
        }
    }

    deinit { unsafe SSL_free(raw) }

    private func insist(on name: String) throws(IOError) {
        let parameters = unsafe SSL_get0_param(raw)
        if unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1 { return }
        ERR_clear_error()
        let name = name.hasSuffix(".") ? String(name.dropLast()) : name
        unsafe SSL_set_hostflags(raw, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        // RFC 6066 §3: without the trailing dot, and only what isn't an address.
        guard unsafe SSL_set1_host(raw, name) == 1,
            unsafe copenssl_set_server_name(raw, name) == 1
        else {
            ERR_clear_error()
            throw IOError(.badAddress, operation: "TLS server name", reason: "not a host name")
        }
    }

    /// Goes on as far as it can.
    ///
    /// - Throws: ``IOError``: `.tlsRefused`, `.connectionLost`.
    func handshake() throws(IOError) -> Step {
        var systemError: Int32 = 0
        switch unsafe copenssl_handshake(raw, &systemError) {
        case SSL_ERROR_NONE:
            try checkProtocol()
            return .done
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        case let outcome: throw failure(outcome, systemError, "TLS handshake")
        }
    }

    /// A server has insisted by then; it may have ignored a client's offer.
    private func checkProtocol() throws(IOError) {
        var name: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        unsafe SSL_get0_alpn_selected(raw, &name, &length)
        guard length == 0 else { return }
        throw IOError(
            .tlsRefused, operation: "TLS handshake", reason: "no application protocol in common")
    }

    /// Fills the room as far as records are there.
    ///
    /// - Returns: How many bytes came, 0 at the end, nil when none are there yet.
    /// - Throws: ``IOError``: `.tlsRefused`, `.connectionLost`.
    func read(into room: UnsafeMutableRawBufferPointer) throws(IOError) -> Int? {
        if let end {
            try end.get()
            return 0
        }
        var filled = 0
        readWantsWrite = false
        isDrained = false
        repeat {
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: room[filled...])
            var count = 0
            var systemError: Int32 = 0
            let outcome = unsafe copenssl_read(
                raw, rest.baseAddress, rest.count, &count, &systemError)
            switch outcome {
            case SSL_ERROR_NONE:
                filled += count
                // Asking without need would ask the kernel, in vain more often than not.
                isDrained = unsafe SSL_has_pending(raw) == 0
            case SSL_ERROR_WANT_READ: isDrained = true
            case SSL_ERROR_WANT_WRITE:
                isDrained = true
                readWantsWrite = true
            case SSL_ERROR_ZERO_RETURN:
                end = unsafe copenssl_has_flooded(raw) == 1 ? .failure(Self.flooded) : .success(())
            default: end = ending(outcome, systemError)
            }
        } while !isDrained && end == nil && filled < room.count
        if filled > 0 { return filled }
        if isDrained { return nil }
        try end?.get()
        return 0
    }

    /// HTTP/2 knows itself whether something is missing, so an end without a goodbye is one, too.
    private func ending(_ outcome: Int32, _ systemError: Int32) -> Result<Void, IOError> {
        if outcome == SSL_ERROR_SSL && copenssl_peek_cut() == 1 {
            ERR_clear_error()
            return .success(())
        }
        return .failure(failure(outcome, systemError, "TLS read"))
    }

    /// - Returns: How many bytes are on their way, 0 when none can be now; the same ones must be
    ///   given again then.
    /// - Throws: ``IOError``: `.tlsRefused`, `.connectionLost`.
    func write(_ bytes: UnsafeRawBufferPointer) throws(IOError) -> Int {
        var written = 0
        writeWantsRead = false
        while written < bytes.count {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
            var count = 0
            var systemError: Int32 = 0
            let outcome = unsafe copenssl_write(
                raw, rest.baseAddress, rest.count, &count, &systemError)
            switch outcome {
            case SSL_ERROR_NONE: written += count
            case SSL_ERROR_WANT_WRITE: return written
            case SSL_ERROR_WANT_READ:
                writeWantsRead = true
                return written
            default: throw failure(outcome, systemError, "TLS write")
            }
        }
        return written
    }

    /// Turns what the connection waits for into what the descriptor must be ready for: level-
    /// triggered, it would be told of the other all the time.
    func cross(_ interest: inout Interest) {
        if readWantsWrite && interest.contains(.read) {
            interest.remove(.read)
            interest.insert(.write)
        }
        if writeWantsRead && interest.contains(.write) {
            interest.remove(.write)
            interest.insert(.read)
        }
    }

    /// Says goodbye without waiting for the peer's.
    func shutdown() {
        unsafe copenssl_shutdown(raw)
    }

    /// Nil when the peer showed no certificate.
    var peerIdentity: PeerIdentity? {
        guard let certificate = unsafe SSL_get0_peer_certificate(raw) else { return nil }
        return unsafe PeerIdentity(certificate)
    }

    private func failure(_ outcome: Int32, _ systemError: Int32, _ operation: String) -> IOError {
        if outcome == SSL_ERROR_SSL {
            let reason = unsafe String(cString: copenssl_take_reason(raw))
            return IOError(.tlsRefused, operation: operation, reason: reason)
        }
        ERR_clear_error()
        guard systemError != 0 else {
            return IOError(
                .connectionLost, operation: operation, reason: "the peer closed the connection")
        }
        return IOError(operation: operation, errno: systemError)
    }
}
