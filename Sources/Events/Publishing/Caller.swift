/// Who calls.
public struct Caller: Sendable, Hashable {
    public let tenant: TenantID
    /// Whether this caller may read and publish for every tenant.
    public let seesAllTenants: Bool

    public init(tenant: TenantID, seesAllTenants: Bool = false) {
        self.tenant = tenant
        self.seesAllTenants = seesAllTenants
    }

    public func mayAct(for other: TenantID) -> Bool {
        seesAllTenants || other == tenant
    }
}
