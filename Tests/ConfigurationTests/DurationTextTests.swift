import Configuration
import Testing

@Suite struct DurationTextTests {
    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("0s", .zero), ("10s", .seconds(10)),
        ("1.5m", .seconds(90)), ("2h", .seconds(7_200)), ("1d", .seconds(86_400)),
        ("0.25s", .milliseconds(250)),
    ])
    func `a number and a unit are a duration`(_ text: String, _ duration: Duration) {
        #expect(DurationText.parse(text) == duration)
    }

    @Test(arguments: [
        "", "5", "s", "-1s", "+1s", "1 s", "1S", "1w", "1s1", "1e3s", ".s", "1.2.3s", "infs",
        "99999999999999999999d", "٣s",
    ])
    func `anything else is none`(_ text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(arguments: [
        (Duration.milliseconds(1), "1ms"), (.zero, "0ms"), (.milliseconds(1_500), "1500ms"),
        (.seconds(60), "1m"), (.seconds(90), "90s"), (.seconds(43_200), "12h"),
        (.seconds(366 * 86_400), "366d"),
    ])
    func `a duration is told in its largest whole unit`(_ duration: Duration, _ text: String) {
        #expect(DurationText.text(duration) == text)
    }
}
