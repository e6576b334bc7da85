import IO

/// The flags by which client commands use TLS.
struct ClientTLS: Sendable {
    static let flags: [Flag] = [
        .toggle("tls", "Connects with TLS."),
        .value("tls-ca", "PATH", "PEM: issuers to trust; default: those the system trusts."),
        .value("tls-server-name", "NAME", "Whose certificate to expect; default: the address's."),
        .value("tls-client-certificate", "PATH", "PEM: who we are, for servers that ask."),
        .value("tls-client-key", "PATH", "PEM: the key of that certificate."),
    ]

    let serverName: String?
    private let configuration: TLSConfiguration?

    init(_ arguments: ParsedArguments) throws(UsageError) {
        serverName = arguments.string("tls-server-name")
        guard arguments.isSet("tls") else {
            for flag in Self.flags.map(\.name)
            where flag != "tls" && arguments.string(flag) != nil {
                throw UsageError("--\(flag) belongs to --tls")
            }
            configuration = nil
            return
        }
        var tls = TLSConfiguration()
        tls.trustRoots = arguments.string("tls-ca")
        tls.certificateChain = arguments.string("tls-client-certificate")
        tls.privateKey = arguments.string("tls-client-key")
        guard (tls.certificateChain == nil) == (tls.privateKey == nil) else {
            throw UsageError("--tls-client-certificate and --tls-client-key go together")
        }
        configuration = tls
    }

    /// Nil for plaintext.
    ///
    /// - Throws: ``CommandFailure`` naming the flag and the file.
    func makeContext() throws(CommandFailure) -> TLSContext? {
        guard let configuration else { return nil }
        let names = TLSFlags(
            certificate: "tls-client-certificate", key: "tls-client-key", trust: "tls-ca")
        return try names.context(.client, configuration)
    }
}
