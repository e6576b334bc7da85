import IO

/// Where `apus serve` listens, and what it shows there.
struct Doors: Sendable {
    static let flags: [Flag] = [
        .value(
            "listen", "HOST:PORT",
            "Where to listen in plaintext; port 0 takes a free one; none: nowhere; default"
                + " \(ClientFlags.defaultAddress)."),
        .value("listen-tls", "HOST:PORT", "Where to listen with TLS 1.2 and up."),
        .value(
            "listen-unix", "PATH",
            "A Unix socket to listen on, in plaintext; who may write to it may connect."),
        .value(
            "tls-certificate", "PATH",
            "PEM: the server's certificate, then its issuers'; read again when it changes, and at SIGHUP."
        ),
        .value("tls-key", "PATH", "PEM: the certificate's key; read again when it changes."),
        .value("tls-client-ca", "PATH", "PEM: issuers whose client certificates are believed."),
        .value(
            "tls-client-auth", "MODE",
            "Client certificates: none, optional or required; default: required with"
                + " --tls-client-ca, else none."),
    ]

    typealias Address = (host: String, port: Int)

    let plaintext: Address?
    let secure: Address?
    let unixPath: String?
    private let tls: TLSConfiguration?

    init(_ arguments: ParsedArguments) throws(UsageError) {
        let listen = arguments.string("listen") ?? ClientFlags.defaultAddress
        plaintext = listen == "none" ? nil : try HostPort.parse(listen, flag: "listen")
        unixPath = arguments.string("listen-unix")
        guard let text = arguments.string("listen-tls") else {
            secure = nil
            tls = nil
            for flag in Self.flags.map(\.name)
            where flag.hasPrefix("tls-") && arguments.string(flag) != nil {
                throw UsageError("--\(flag) belongs to --listen-tls")
            }
            guard plaintext != nil || unixPath != nil else {
                throw UsageError("--listen none leaves no way in")
            }
            return
        }
        secure = try HostPort.parse(text, flag: "listen-tls")
        tls = try Self.tls(arguments)
    }

    private static func tls(_ arguments: ParsedArguments) throws(UsageError) -> TLSConfiguration {
        guard let certificate = arguments.string("tls-certificate"),
            let key = arguments.string("tls-key")
        else { throw UsageError("--listen-tls needs --tls-certificate and --tls-key") }
        var tls = TLSConfiguration(certificateChain: certificate, privateKey: key)
        tls.trustRoots = arguments.string("tls-client-ca")
        tls.clientCertificate =
            try arguments.choice(
                "tls-client-auth",
                [("none", .none), ("optional", .optional), ("required", .required)])
            ?? (tls.trustRoots == nil ? .none : .required)
        guard (tls.clientCertificate == .none) == (tls.trustRoots == nil) else {
            throw UsageError("--tls-client-auth (but none) and --tls-client-ca go together")
        }
        return tls
    }

    /// Reads the files.
    ///
    /// - Throws: ``CommandFailure`` naming the flag and the file.
    func makeContext() throws(CommandFailure) -> TLSContext? {
        guard let tls else { return nil }
        let names = TLSFlags(
            certificate: "tls-certificate", key: "tls-key", trust: "tls-client-ca")
        return try names.context(.server, tls)
    }

    /// Addresses whose callers nobody checks: certificates do where they are required.
    var unauthenticated: [Address] {
        let secure = tls?.clientCertificate == .required ? nil : self.secure
        return [plaintext, secure].compactMap { $0 }
    }
}
