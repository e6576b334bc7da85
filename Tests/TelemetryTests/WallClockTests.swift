import Telemetry
import Testing

@Suite struct UnixTimeTests {
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000000Z"), (951_782_400, "2000-02-29T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.000000Z"), (4_102_444_799, "2099-12-31T23:59:59.000000Z"),
        (-62_135_596_800, "0001-01-01T00:00:00.000000Z"),
    ])
    func `it prints as RFC 3339`(seconds: Int64, text: String) {
        #expect(UnixTime(seconds: seconds).description == text)
    }

    @Test func `microseconds round down, also before 1970`() {
        #expect(UnixTime(microseconds: -1) == UnixTime(seconds: -1, nanoseconds: 999_999_000))
        #expect(UnixTime(seconds: -1, nanoseconds: 999_999_999).microseconds == -1)
        #expect(UnixTime(microseconds: 1_500_000) == UnixTime(seconds: 1, nanoseconds: 500_000_000))
    }

    @Test func `adding and subtracting durations carries over seconds`() {
        let time = UnixTime(seconds: 10, nanoseconds: 900_000_000)
        #expect(
            time.advanced(by: .milliseconds(200)) == UnixTime(seconds: 11, nanoseconds: 100_000_000)
        )
        #expect(
            time.advanced(by: .milliseconds(-10_950))
                == UnixTime(seconds: -1, nanoseconds: 950_000_000))
        #expect(time.duration(since: UnixTime(seconds: 10)) == .milliseconds(900))
    }
}
