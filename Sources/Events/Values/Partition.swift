/// Which of the log's 64 shares an event belongs to: consumers divide their work by it.
public enum Partition {
    /// Fixed for ever: stored events carry their partition.
    public static let count = 64

    /// The partition of a key, the same on every node and in every release.
    ///
    /// FNV-1a over tenant, a zero byte and key, then MurmurHash3's final mix, since the low bits
    /// of FNV alone are poor.
    public static func of(tenant: TenantID, key: String) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ byte: UInt8) {
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
        }
        for byte in tenant.rawValue.utf8 { add(byte) }
        add(0)
        for byte in key.utf8 { add(byte) }
        hash ^= hash >> 33
        hash = hash &* 0xff51_afd7_ed55_8ccd
        hash ^= hash >> 33
        hash = hash &* 0xc4ce_b9fe_1a85_ec53
        hash ^= hash >> 33
        return Int(hash % UInt64(count))
    }
}
