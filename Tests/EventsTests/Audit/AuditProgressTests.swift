import Testing

@testable import Events

@Suite struct AuditProgressTests {
    private var progress = AuditProgress(nextPublish: .zero)

    private mutating func alarm(isMissing: Bool, at second: Int) -> AuditProgress.Alarm? {
        let head = AuditHead(position: Position(3), rows: 3, hash: [])
        let step = AuditStep(head: head, logHead: Position(9), isMissing: isMissing)
        return progress.take(step, now: .seconds(second), patience: .seconds(5))
    }

    @Test mutating func `an event that is late for a moment alarms nobody`() {
        #expect(alarm(isMissing: true, at: 0) == nil)
        #expect(alarm(isMissing: true, at: 4) == nil)
        #expect(alarm(isMissing: false, at: 5) == nil)
        #expect(alarm(isMissing: true, at: 6) == nil)
    }

    @Test mutating func `an event that stays away stops the trail until it is there`() {
        #expect(alarm(isMissing: true, at: 0) == nil)
        #expect(alarm(isMissing: true, at: 5) == .stopped)
        #expect(alarm(isMissing: true, at: 90) == .stillStopped)
        #expect(alarm(isMissing: false, at: 91) == .goesOn)
        #expect(alarm(isMissing: false, at: 92) == nil)
        #expect(alarm(isMissing: true, at: 93) == nil)
        #expect(alarm(isMissing: true, at: 98) == .stopped)
    }
}
