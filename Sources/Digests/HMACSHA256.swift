import COpenSSL

/// HMAC (RFC 2104) over SHA-256.
public enum HMACSHA256 {
    /// - Parameter key: Of any length; 32 bytes are as good as more.
    public static func authenticate(_ message: [UInt8], key: [UInt8]) -> Digest256 {
        unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 4) { words in
            let code = unsafe UnsafeMutableRawPointer(words.baseAddress)?
                .assumingMemoryBound(to: UInt8.self)
            let result = unsafe HMAC(
                copenssl_sha256(), key, Int32(key.count), message, message.count, code, nil)
            unsafe precondition(result != nil, "HMAC does not work")
            return unsafe Digest256(
                UInt64(bigEndian: words[0]), UInt64(bigEndian: words[1]),
                UInt64(bigEndian: words[2]), UInt64(bigEndian: words[3]))
        }
    }
}
