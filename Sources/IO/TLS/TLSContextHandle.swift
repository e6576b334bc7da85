internal import COpenSSL
internal import Glibc

/// Owns one `SSL_CTX`, read from files when it is made and never changed.
///
/// `@unchecked Sendable`: after `init` all that is done with it is `SSL_new`, which any thread may.
@safe
final class TLSContextHandle: @unchecked Sendable {
    /// Valid while the handle is; sessions keep the handle.
    let raw: OpaquePointer
    /// In ALPN's form, ended by 0; OpenSSL keeps the pointer.
    private let protocols: UnsafeMutableBufferPointer<UInt8>
    let role: TLSContext.Role
    /// As they were before they were read.
    let versions: [FileVersion?]

    /// - Throws: ``IOError``: `.badCertificate`, `.badPrivateKey`, `.badTrustRoots`.
    init(_ role: TLSContext.Role, _ configuration: TLSConfiguration) throws(IOError) {
        let isServer: Int32 = role == .server ? 1 : 0
        guard let raw = unsafe copenssl_context_new(isServer) else {
            throw IOError(operation: "TLS context", errno: ENOMEM)
        }
        unsafe self.raw = raw
        self.role = role
        versions = configuration.files.map { FileVersion($0) }
        let names = configuration.applicationProtocols.flatMap { name in
            [UInt8(clamping: name.utf8.count)] + Array(name.utf8)
        }
        unsafe protocols = .allocate(capacity: names.count + 1)
        _ = unsafe protocols.initialize(from: names + [0])
        guard unsafe copenssl_set_protocols(raw, protocols.baseAddress, isServer) == 1 else {
            throw Self.failure(.other, "TLS protocols")
        }
        try loadCertificate(configuration)
        try loadTrust(configuration)
    }

    deinit {
        unsafe SSL_CTX_free(raw)
        unsafe protocols.deallocate()
    }

    private func loadCertificate(_ configuration: TLSConfiguration) throws(IOError) {
        guard let path = configuration.certificateChain else {
            guard role == .client else {
                throw IOError(
                    .badCertificate, operation: "certificate", reason: "a server needs one")
            }
            return
        }
        guard unsafe SSL_CTX_use_certificate_chain_file(raw, path) == 1 else {
            throw Self.failure(.badCertificate, "certificate \(path)")
        }
        guard let path = configuration.privateKey else {
            throw IOError(
                .badPrivateKey, operation: "private key", reason: "the certificate needs one")
        }
        // Fails as well when the key is not the certificate's.
        guard unsafe SSL_CTX_use_PrivateKey_file(raw, path, SSL_FILETYPE_PEM) == 1,
            unsafe SSL_CTX_check_private_key(raw) == 1
        else { throw Self.failure(.badPrivateKey, "private key \(path)") }
    }

    private func loadTrust(_ configuration: TLSConfiguration) throws(IOError) {
        if role == .server && configuration.clientCertificate == .none { return }
        if let path = configuration.trustRoots {
            guard unsafe SSL_CTX_load_verify_file(raw, path) == 1 else {
                throw Self.failure(.badTrustRoots, "trusted issuers \(path)")
            }
            if role == .server {
                // Told to clients, so that they can choose among their certificates.
                unsafe SSL_CTX_set_client_CA_list(raw, SSL_load_client_CA_file(path))
            }
        } else if role == .client {
            guard unsafe SSL_CTX_set_default_verify_paths(raw) == 1 else {
                throw Self.failure(.badTrustRoots, "the system's trusted issuers")
            }
        } else {
            throw IOError(
                .badTrustRoots, operation: "trusted issuers",
                reason: "client certificates need some to be checked against")
        }
        let required = role == .client || configuration.clientCertificate == .required
        unsafe copenssl_verify_peer(raw, required ? 1 : 0)
    }

    private static func failure(_ code: IOError.Code, _ operation: String) -> IOError {
        let errno = copenssl_peek_system_error()
        let reason = unsafe String(cString: copenssl_take_reason(nil))
        return IOError(
            code, operation: operation, errno: errno, reason: errno == 0 ? reason : nil)
    }
}
