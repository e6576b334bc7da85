/// Which addresses a webhook may be sent to: those of the public internet.
///
/// Whoever may name a URL could else reach what only this machine and its network can: databases,
/// admin pages, the credentials that clouds hand out on link-local addresses. What counts is the
/// address that is connected to, whatever name led there.
///
/// Source: IANA's registries of special-purpose addresses for IPv4 and IPv6 (RFC 6890).
enum AddressRules {
    /// - Parameter address: In network order, 4 bytes or 16.
    static func isPublic(_ address: [UInt8]) -> Bool {
        switch address.count {
        case 4: !closed4.contains { $0.contains(address[...]) }
        case 16: isPublic6(address)
        default: false
        }
    }

    private static func isPublic6(_ address: [UInt8]) -> Bool {
        for embedding in embeddings where embedding.range.contains(address[...]) {
            return isPublic(Array(address[embedding.offset..<embedding.offset + 4]))
        }
        return globalUnicast.contains(address[...])
            && !closed6.contains { $0.contains(address[...]) }
    }

    private static let closed4: [AddressRange] = [
        .init([0], 8),  // this network
        .init([10], 8),  // private
        .init([100, 64], 10),  // shared by carriers (CGNAT), and metadata of Alibaba
        .init([127], 8),  // loopback
        .init([168, 63, 129, 16], 32),  // the host of Azure
        .init([169, 254], 16),  // link-local, and metadata of most clouds
        .init([172, 16], 12),  // private
        .init([192, 0, 0], 24),  // protocols, and metadata of Oracle
        .init([192, 0, 2], 24),  // documentation
        .init([192, 88, 99], 24),  // relays to IPv6
        .init([192, 168], 16),  // private
        .init([198, 18], 15),  // benchmarks
        .init([198, 51, 100], 24),  // documentation
        .init([203, 0, 113], 24),  // documentation
        .init([224], 4),  // multicast
        .init([240], 4),  // reserved, and broadcast
    ]

    /// All that has been given to anybody; loopback, link-local, unique local and multicast
    /// addresses lie outside.
    private static let globalUnicast = AddressRange([0x20], 3)

    private static let closed6: [AddressRange] = [
        .init([0x20, 0x01, 0x00], 23),  // protocols, Teredo
        .init([0x20, 0x01, 0x0d, 0xb8], 32),  // documentation
        .init([0x3f, 0xff, 0x00], 20),  // documentation
    ]

    /// Addresses that stand for one of IPv4, and where in them it is.
    private static let embeddings: [(range: AddressRange, offset: Int)] = [
        (AddressRange([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], 96), 12),  // mapped
        (AddressRange([0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0], 96), 12),  // NAT64
        (AddressRange([0x20, 0x02], 16), 2),  // 6to4
    ]
}

/// Addresses that begin with the same bits.
private struct AddressRange {
    private let prefix: [UInt8]
    private let bits: Int

    /// - Parameter prefix: As many bytes as hold the bits.
    init(_ prefix: [UInt8], _ bits: Int) {
        precondition(prefix.count == (bits + 7) / 8)
        self.prefix = prefix
        self.bits = bits
    }

    func contains(_ address: ArraySlice<UInt8>) -> Bool {
        let whole = bits / 8
        guard address.starts(with: prefix[..<whole]) else { return false }
        guard bits % 8 > 0 else { return true }
        let shift = UInt8(8 - bits % 8)
        return address[address.startIndex + whole] >> shift == prefix[whole] >> shift
    }
}
