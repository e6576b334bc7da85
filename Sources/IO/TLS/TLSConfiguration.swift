/// Whom one side of TLS shows itself as, and whom it believes.
public struct TLSConfiguration: Sendable {
    /// What a server wants to know of its clients.
    public enum ClientCertificate: Sendable {
        /// Nothing.
        case none
        /// Who they are, when they have a certificate; a wrong one is refused.
        case optional
        /// Who they are; without a certificate they are refused.
        case required
    }

    /// PEM file: the own certificate, then those that issued it, up to the root. A server needs one,
    /// a client only to say who it is.
    public var certificateChain: String?
    /// PEM file of the certificate's key, not encrypted.
    public var privateKey: String?
    /// PEM file of the issuers that the peer's certificate may come from. Nil trusts what the system
    /// trusts, which only a client can mean.
    public var trustRoots: String?
    /// For servers alone.
    public var clientCertificate = ClientCertificate.none
    /// By preference. A server refuses a client that offers none of them, a client a server that
    /// chooses none (RFC 7301).
    public var applicationProtocols = ["h2"]

    /// All that is read.
    var files: [String] { [certificateChain, privateKey, trustRoots].compactMap { $0 } }

    public init() {}

    /// What a server shows.
    public init(certificateChain: String, privateKey: String) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
    }
}
