import EventProtos
import Protobuf

extension FuzzEntries {
    /// A generated type, chosen by the first byte.
    private struct Subject: Sendable {
        let check: @Sendable (_ bytes: [UInt8]) -> Void

        init<Tested: Message>(_ type: Tested.Type) {
            check = { FuzzEntries.decode($0, as: Tested.self) }
        }
    }

    private static let subjects: [Subject] = [
        Subject(ApusV1.PublishRequest.self), Subject(GoogleProtobuf.Struct.self),
        Subject(ApusV1.SubscribeRequest.self), Subject(ApusV1.ReplayRequest.self),
        Subject(ApusV1.GetEventResponse.self), Subject(GoogleRpc.BadRequest.self),
        Subject(ApusEventsLeadV1.LeadCreated.self), Subject(GoogleProtobuf.Value.self),
    ]

    /// What passes the scan unpacks within the memory that the scan said; what does not is an error.
    /// What was decoded encodes to bytes that decode to the same.
    public static func decode(_ input: [UInt8]) {
        guard let choice = input.first else { return }
        subjects[Int(choice) % subjects.count].check(Array(input.dropFirst()))
    }

    private static func decode<Tested: Message>(_ bytes: [UInt8], as type: Tested.Type) {
        let limits = DecodingLimits(maxElements: 100_000, maxArenaBytes: 16 << 20)
        let summary: WireScan.Summary
        do throws(DecodingError) {
            summary = try WireScan.check(bytes, as: Tested.descriptor, limits: limits)
        } catch {
            promise(
                (try? Tested(decoding: bytes, limits: limits)) == nil, "decoded unscanned bytes")
            return
        }
        // Merging moves members between messages, so the estimate is for bytes without it.
        var exact = limits
        if !summary.needsMerge, summary.arenaBytes < 1 << 20 {
            exact.maxArenaBytes = summary.arenaBytes
        }
        do throws(DecodingError) {
            let value = try Tested(decoding: bytes, limits: exact)
            let encoded = value.encoded()
            let again = try Tested(decoding: encoded, limits: limits)
            promise(again.encoded() == encoded, "encoding is not stable")
        } catch {
            fatalError("scanned bytes do not decode: \(error)")
        }
    }
}
