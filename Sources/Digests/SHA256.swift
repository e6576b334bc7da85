import COpenSSL

/// SHA-256 (FIPS 180-4), in one go or piece by piece.
///
/// One object serves many digests, one after the other: `finish` starts the next. Not for use by
/// two threads at once.
@safe
public final class SHA256 {
    private let context: OpaquePointer
    private var hasBegun = false

    public init() {
        guard let context = unsafe EVP_MD_CTX_new() else { preconditionFailure("out of memory") }
        unsafe self.context = context
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    private func begin() {
        if hasBegun { return }
        hasBegun = true
        let outcome = unsafe EVP_DigestInit_ex2(context, copenssl_sha256(), nil)
        precondition(outcome == 1, "SHA-256 does not start")
    }

    public func update(_ bytes: RawSpan) {
        begin()
        let outcome = unsafe bytes.withUnsafeBytes { bytes in
            unsafe EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        }
        precondition(outcome == 1, "SHA-256 does not go on")
    }

    public func update(_ bytes: [UInt8]) { unsafe update(bytes.span.bytes) }

    /// The bytes of its UTF-8.
    public func update(_ text: String) { unsafe update(text.utf8.span.bytes) }

    /// Eight bytes, the highest first: for lengths, which keep neighbouring fields apart.
    public func update(_ number: UInt64) {
        begin()
        var bigEndian = number.bigEndian
        let outcome = unsafe withUnsafeBytes(of: &bigEndian) { bytes in
            unsafe EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        }
        precondition(outcome == 1, "SHA-256 does not go on")
    }

    /// The digest of everything since the start or the last `finish`.
    public func finish() -> Digest256 {
        begin()
        hasBegun = false
        return unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 4) { words in
            let outcome = unsafe EVP_DigestFinal_ex(
                context,
                UnsafeMutableRawPointer(words.baseAddress)?
                    .assumingMemoryBound(to: UInt8.self), nil)
            precondition(outcome == 1, "SHA-256 does not end")
            return unsafe Digest256(
                UInt64(bigEndian: words[0]), UInt64(bigEndian: words[1]),
                UInt64(bigEndian: words[2]), UInt64(bigEndian: words[3]))
        }
    }

    public static func digest(_ bytes: [UInt8]) -> Digest256 {
        let hash = SHA256()
        hash.update(bytes)
        return hash.finish()
    }

    public static func digest(_ text: String) -> Digest256 {
        let hash = SHA256()
        hash.update(text)
        return hash.finish()
    }
}
