import Digests
import EventProtos
import Events
import Protobuf

/// Says where the next page begins, and for which question: a token given with another filter is
/// refused instead of answered wrongly.
struct PageToken {
    private let question: String

    init(request: ApusV1.ListEventsRequest) {
        var question = request
        question.pageToken = ""
        question.pageSize = 0
        self.init(question: question.encoded())
    }

    init(request: ApusV1.ListDeadLettersRequest) {
        var question = request
        question.pageToken = ""
        question.pageSize = 0
        self.init(question: question.encoded())
    }

    private init(question: [UInt8]) {
        self.question = String(SHA256.digest(question).hexadecimal.prefix(16))
    }

    func text(_ position: Position) -> String {
        text(position.rawValue)
    }

    func text(_ number: UInt64) -> String {
        "\(String(number, radix: 16)).\(question)"
    }

    /// - Returns: Nil for the first page.
    /// - Throws: ``EventsError``, `.invalidArgument`.
    func position(in token: String) throws(EventsError) -> Position? {
        try number(in: token, upTo: Position.max.rawValue).map { Position($0) }
    }

    /// - Returns: Nil for the first page.
    /// - Throws: ``EventsError``, `.invalidArgument`.
    func number(in token: String, upTo limit: UInt64) throws(EventsError) -> UInt64? {
        guard !token.isEmpty else { return nil }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1] == question,
            let number = UInt64(parts[0], radix: 16), number <= limit
        else {
            throw .invalid("page_token", "must be a token of the same listing")
        }
        return number
    }
}

/// How many entries a page has: what clients may ask for, the same in every listing.
enum PageSize {
    private static let largest: UInt32 = 1_000
    private static let usual = 50

    /// - Throws: ``EventsError``, `.invalidArgument`.
    static func checked(_ wanted: UInt32) throws(EventsError) -> Int {
        guard wanted <= largest else {
            throw .invalid("page_size", "must be at most \(largest)")
        }
        return wanted == 0 ? usual : Int(wanted)
    }
}
