/// The two messages of `grpc.health.v1.Health/Watch`. Two fields, so this layer needs no protobuf
/// for them.
enum HealthMessages {
    enum Status: Equatable {
        case unknown, serving, notServing, serviceUnknown
    }

    static let path = "/grpc.health.v1.Health/Watch"

    /// `HealthCheckRequest`: 1 service string.
    static func request(_ service: String) -> [UInt8] {
        guard !service.isEmpty else { return [] }
        return [0x0a] + varint(service.utf8.count) + Array(service.utf8)
    }

    /// `HealthCheckResponse`: 1 status enum. Other fields are skipped.
    ///
    /// - Returns: Nil when it isn't one.
    static func status(_ message: [UInt8]) -> Status? {
        var status = UInt64(0)
        var rest = message[...]
        while !rest.isEmpty {
            guard let key = readVarint(&rest) else { return nil }
            switch key & 7 {
            case 0:
                guard let value = readVarint(&rest) else { return nil }
                if key == 0x08 { status = value }
            case 1:
                guard rest.count >= 8 else { return nil }
                rest = rest.dropFirst(8)
            case 2:
                guard let length = readVarint(&rest), length <= UInt64(rest.count) else {
                    return nil
                }
                rest = rest.dropFirst(Int(length))
            case 5:
                guard rest.count >= 4 else { return nil }
                rest = rest.dropFirst(4)
            default: return nil
            }
        }
        switch status {
        case 1: return .serving
        case 2: return .notServing
        case 3: return .serviceUnknown
        default: return .unknown
        }
    }

    private static func varint(_ value: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var value = value
        while value >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        return bytes + [UInt8(value)]
    }

    private static func readVarint(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = bytes.popFirst() else { return nil }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }
}
