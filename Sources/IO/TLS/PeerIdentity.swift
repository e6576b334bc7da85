internal import COpenSSL

/// Who a peer is, by the certificate that it proved to own and that a trusted issuer signed.
public struct PeerIdentity: Sendable, Hashable {
    /// One object, so that passing it around with every call costs one reference.
    private let facts: Facts

    private final class Facts: Sendable {
        let commonName: String?
        let dnsNames: [String]
        let uris: [String]
        let emailAddresses: [String]
        let fingerprint: String

        init(
            commonName: String?, dnsNames: [String], uris: [String], emailAddresses: [String],
            fingerprint: String
        ) {
            self.commonName = commonName
            self.dnsNames = dnsNames
            self.uris = uris
            self.emailAddresses = emailAddresses
            self.fingerprint = fingerprint
        }
    }

    /// The subject's; the first, should there be several.
    public var commonName: String? { facts.commonName }
    /// Subject alternative names, in the certificate's order. One that holds a NUL byte, which only
    /// an attacker's does, is left out.
    public var dnsNames: [String] { facts.dnsNames }
    public var uris: [String] { facts.uris }
    public var emailAddresses: [String] { facts.emailAddresses }
    /// SHA-256 of the whole certificate: 64 lower-case hexadecimal digits.
    public var fingerprint: String { facts.fingerprint }

    public static func == (left: PeerIdentity, right: PeerIdentity) -> Bool {
        left.fingerprint == right.fingerprint
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(fingerprint) }

    /// Reads an `X509`.
    init(_ certificate: OpaquePointer) {
        var names: [Int: [String]] = [:]
        if let list = unsafe copenssl_alternative_names(certificate) {
            let all = unsafe copenssl_alternative_names_count(list)
            for index in 0..<all {
                var kind: Int32 = 0
                var bytes: UnsafePointer<UInt8>?
                let count = unsafe copenssl_alternative_name(list, index, &kind, &bytes)
                guard count >= 0, let name = unsafe Self.text(bytes, count) else { continue }
                names[Int(kind), default: []].append(name)
            }
            unsafe copenssl_alternative_names_free(list)
        }
        facts = unsafe Facts(
            commonName: Self.commonName(certificate), dnsNames: names[COPENSSL_DNS] ?? [],
            uris: names[COPENSSL_URI] ?? [], emailAddresses: names[COPENSSL_EMAIL] ?? [],
            fingerprint: Self.fingerprint(certificate))
    }

    private static func commonName(_ certificate: OpaquePointer) -> String? {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = unsafe copenssl_common_name(certificate, &bytes)
        guard count >= 0 else { return nil }
        defer { unsafe copenssl_free(bytes) }
        return unsafe text(bytes, count)
    }

    private static func text(_ bytes: UnsafePointer<UInt8>?, _ count: Int32) -> String? {
        let bytes = unsafe UnsafeBufferPointer(start: bytes, count: Int(count))
        guard unsafe !bytes.contains(0) else { return nil }
        return unsafe String(validating: bytes, as: UTF8.self)
    }

    private static func fingerprint(_ certificate: OpaquePointer) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        let outcome = unsafe X509_digest(certificate, EVP_sha256(), &digest, &length)
        precondition(outcome == 1 && length == 32, "no SHA-256")
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
