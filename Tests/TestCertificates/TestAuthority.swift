import CTestCertificates
import Glibc

/// An issuer of certificates with a folder of its own, for as long as a test runs.
public struct TestAuthority: Sendable {
    /// A certificate and its key, as PEM files.
    public struct Identity: Sendable {
        public let certificate: String
        public let key: String
    }

    public let folder: String
    /// Its own: what others must trust.
    public let root: Identity

    /// Runs the body with an issuer; its files are gone afterwards.
    public static func with<Result>(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (TestAuthority) async throws -> Result
    ) async throws -> Result {
        var template = Array("/tmp/apus-test-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil, "no temporary folder")
        let folder = String(decoding: template.dropLast().map { UInt8($0) }, as: UTF8.self)
        defer { remove(folder) }
        let root = Identity(certificate: folder + "/root.pem", key: folder + "/root.key")
        make(root, "Root \(folder)", nil, isAuthority: 1, from: -3_600, until: 86_400, issuer: nil)
        return try await body(TestAuthority(folder: folder, root: root))
    }

    /// Makes a certificate, over the one of that name if there is one.
    ///
    /// - Parameters:
    ///   - name: Of the files and, unless `commonName` says otherwise, of the subject.
    ///   - alternativeNames: As in `DNS:localhost`, `IP:127.0.0.1`, `URI:spiffe://a/b`.
    public func issue(
        _ name: String, commonName: String? = nil,
        alternativeNames: [String] = ["DNS:localhost", "IP:127.0.0.1"], expired: Bool = false
    ) -> Identity {
        let made = Identity(certificate: "\(folder)/\(name).pem", key: "\(folder)/\(name).key")
        Self.make(
            made, commonName ?? name,
            alternativeNames.isEmpty ? nil : alternativeNames.joined(separator: ","),
            isAuthority: 0, from: -7_200, until: expired ? -3_600 : 86_400, issuer: root)
        return made
    }

    private static func make(
        _ identity: Identity, _ name: String, _ alternativeNames: String?, isAuthority: Int32,
        from: Int, until: Int, issuer: Identity?
    ) {
        let outcome = ctest_make_certificate(
            identity.certificate, identity.key, name, alternativeNames, isAuthority, from, until,
            issuer?.certificate, issuer?.key)
        precondition(outcome == 1, "no certificate for \(name)")
    }

    private static func remove(_ folder: String) {
        guard let directory = opendir(folder) else { return }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name != ".", name != ".." else { continue }
            if unlink("\(folder)/\(name)") != 0 { remove("\(folder)/\(name)") }
        }
        closedir(directory)
        rmdir(folder)
    }
}
