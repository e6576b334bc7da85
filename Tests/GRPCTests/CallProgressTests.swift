import Testing

@testable import GRPC

@Suite struct CallProgressTests {
    @Test func `a request that is waited for twice must have moved in between`() {
        var progress = CallProgress()
        func look(_ awaits: Bool, _ received: Int) -> CallProgress.Verdict {
            progress.look(
                minimum: 100, awaitsRequest: awaits, received: received, awaitsRoom: false, sent: 0)
        }
        let verdicts = [
            look(true, 10), look(true, 110), look(false, 111), look(true, 112), look(true, 211),
        ]
        #expect(verdicts == [.fine, .fine, .fine, .fine, .slowRequest])
    }

    @Test func `an answer that waits for room must have moved in between`() {
        var progress = CallProgress()
        func look(_ awaits: Bool, _ sent: Int) -> CallProgress.Verdict {
            progress.look(
                minimum: 100, awaitsRequest: false, received: 0, awaitsRoom: awaits, sent: sent)
        }
        let verdicts = [look(false, 0), look(true, 0), look(true, 100), look(true, 100)]
        #expect(verdicts == [.fine, .fine, .fine, .slowResponse])
    }
}
