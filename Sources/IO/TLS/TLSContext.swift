import Telemetry

/// The certificate, key and trust of one listener or one channel. From any thread.
///
/// ``reload()`` reads the files again: connections made later use what it found, those that are open
/// go on with what they began with. ``TLSReloader`` does it whenever the files change.
public final class TLSContext: Sendable {
    public enum Role: Sendable { case server, client }

    public let role: Role
    private let configuration: TLSConfiguration
    private let current: Lock<TLSContextHandle>

    /// Reads the files.
    ///
    /// - Throws: ``IOError``: `.badCertificate`, `.badPrivateKey`, `.badTrustRoots`, each naming the
    ///   file and what is wrong with it.
    public init(_ role: Role, _ configuration: TLSConfiguration) throws(IOError) {
        self.role = role
        self.configuration = configuration
        current = Lock(try TLSContextHandle(role, configuration))
    }

    /// Reads the files again. Session tickets handed out before count no longer, so that a change of
    /// the trusted issuers counts for everybody who comes back.
    ///
    /// - Throws: As `init`; what was there stays in use then.
    public func reload() throws(IOError) {
        let fresh = try TLSContextHandle(role, configuration)
        current.withLock { $0 = fresh }
    }

    var files: [String] { configuration.files }

    var handle: TLSContextHandle { current.withLock { $0 } }
}
