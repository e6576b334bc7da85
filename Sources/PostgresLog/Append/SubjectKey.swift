import Events
import Postgres

/// A digest of tenant and subject: FNV-1a with 128 bits. Fixed for ever, since it is stored.
///
/// Not meant to withstand someone who looks for collisions: who asks for a subject by its key asks
/// for the tenant as well, so those only hit the tenant's own.
enum SubjectKey {
    /// Nil for an event without a subject.
    static func of(tenant: TenantID, subject: String) -> UUIDBits? {
        guard !subject.isEmpty else { return nil }
        let prime = UInt128(1) << 88 | 0x13b
        var hash = UInt128(0x6c62_272e_07bb_0142) << 64 | 0x62b8_2175_6295_c58d
        func add(_ byte: UInt8) { hash = (hash ^ UInt128(byte)) &* prime }
        for byte in tenant.rawValue.utf8 { add(byte) }
        add(0)
        for byte in subject.utf8 { add(byte) }
        return UUIDBits(
            high: UInt64(truncatingIfNeeded: hash >> 64), low: UInt64(truncatingIfNeeded: hash))
    }
}
