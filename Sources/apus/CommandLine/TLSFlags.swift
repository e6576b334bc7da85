import IO

/// The flags that name TLS's files, for what must be said about them.
struct TLSFlags: Sendable {
    let certificate: String
    let key: String
    let trust: String

    /// Reads the files.
    ///
    /// - Throws: ``CommandFailure`` naming the flag and the file.
    func context(
        _ role: TLSContext.Role, _ configuration: TLSConfiguration
    ) throws(CommandFailure) -> TLSContext {
        do {
            return try TLSContext(role, configuration)
        } catch {
            let flag =
                switch error.code {
                case .badPrivateKey: key
                case .badTrustRoots: trust
                default: certificate
                }
            throw CommandFailure("--\(flag): \(error)")
        }
    }
}
