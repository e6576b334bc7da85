import Testing

@testable import Postgres

@Suite struct PipelineRepliesTests {
    private func actions(
        _ replies: inout PipelineReplies, _ received: [PipelineReplies.Reply]
    ) -> [PipelineReplies.Action] {
        received.map { replies.received($0) }
    }

    @Test func `the last command's answer is kept, and the sync completes`() {
        var replies = PipelineReplies()
        replies.expect(commands: 2)
        #expect(
            actions(&replies, [.answer, .end, .answer, .end, .sync])
                == [.ignore, .ignore, .keepAnswer, .ignore, .complete])
        #expect(replies.isEmpty)
    }

    @Test func `a failed preparation skips the statement and completes at the sync`() {
        var replies = PipelineReplies()
        replies.expect(commands: 2)
        #expect(
            actions(&replies, [.failure, .end, .aborted, .end, .sync])
                == [.keepFailure(command: 0), .ignore, .ignore, .ignore, .complete])
    }

    @Test func `a commit that fails comes after the answer and before the sync`() {
        var replies = PipelineReplies()
        replies.expect(commands: 1)
        #expect(
            actions(&replies, [.answer, .end, .failure, .end, .sync])
                == [.keepAnswer, .ignore, .keepFailure(command: 1), .ignore, .complete])
    }

    @Test func `a failure does not reach the next group`() {
        var replies = PipelineReplies()
        replies.expect(commands: 1)
        replies.expect(commands: 1)
        #expect(
            actions(&replies, [.failure, .end, .sync, .answer, .end, .sync])
                == [
                    .keepFailure(command: 0), .ignore, .complete, .keepAnswer, .ignore, .complete,
                ])
    }

    @Test(
        arguments: [
            [.sync], [.end], [.answer, .answer], [.aborted], [.answer, .end, .answer],
            [.answer, .end, .sync, .sync],
        ] as [[PipelineReplies.Reply]])
    func `an answer that nothing asked for is a violation`(received: [PipelineReplies.Reply]) {
        var replies = PipelineReplies()
        replies.expect(commands: 1)
        #expect(actions(&replies, received).last == .violation)
    }
}

@Suite struct FifoTests {
    @Test func `what went in first comes out first, also after thousands`() {
        var fifo = Fifo<Int>()
        var next = 0
        for number in 0..<5_000 {
            fifo.append(number)
            if number % 3 != 0 {
                #expect(fifo.first == next)
                #expect(fifo.popFirst() == next)
                next += 1
            }
        }
        #expect(fifo.count == 5_000 - next)
        while let number = fifo.popFirst() {
            #expect(number == next)
            next += 1
        }
        #expect(next == 5_000)
        #expect(fifo.isEmpty)
    }
}
