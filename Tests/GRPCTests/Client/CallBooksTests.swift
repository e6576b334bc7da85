import IO
import Telemetry
import Testing

@testable import GRPC

/// Where a channel keeps its calls.
@Suite struct CallBooksTests {
    /// Makes calls that nobody begins.
    private func withCalls(_ body: (() -> OutgoingCall) throws -> Void) throws {
        let loop = try IOLoop(name: "test")
        let core = ChannelCore(
            ClientTarget(host: "127.0.0.1", port: 1), loop: loop,
            configuration: ClientConfiguration(), logger: .silent)
        try body { OutgoingCall(Test.echo.method, CallOptions(), core) }
        loop.stop()
    }

    @Test func `calls that wait come out in order, whoever gave up meanwhile`() throws {
        try withCalls { make in
            for _ in 0..<20 {
                var waiting = WaitingCalls()
                var expected: [OutgoingCall] = []
                for _ in 0..<2_000 {
                    switch Int.random(in: 0..<10) {
                    case 0..<5:
                        let call = make()
                        waiting.append(call)
                        waiting.append(call)
                        expected.append(call)
                    case 5..<8 where !expected.isEmpty:
                        let call = expected.remove(at: Int.random(in: 0..<expected.count))
                        waiting.remove(call)
                        waiting.remove(call)
                    case 8 where !expected.isEmpty:
                        let first = waiting.popFirst()
                        #expect(first === expected.removeFirst())
                    default: break
                    }
                    #expect(waiting.count == expected.count)
                    let most = WaitingCalls.fewPlaces + 2 * expected.count + 1
                    #expect(waiting.places <= most, "places of those who left are used again")
                }
                let rest = waiting.takeAll()
                #expect(rest.elementsEqual(expected) { $0 === $1 })
                #expect(waiting.isEmpty && waiting.popFirst() == nil)
            }
        }
    }

    @Test func `a queue that is never empty doesn't grow`() throws {
        try withCalls { make in
            var waiting = WaitingCalls()
            for _ in 0..<100 { waiting.append(make()) }
            for _ in 0..<2_000 {
                waiting.append(make())
                #expect(waiting.popFirst() != nil)
            }
            #expect(waiting.count == 100)
            #expect(waiting.places <= WaitingCalls.fewPlaces + 2 * 100 + 1)
        }
    }

    @Test func `a call's number finds it and nobody else, also later`() throws {
        try withCalls { make in
            var table = CallTable()
            var known: [UInt64: OutgoingCall] = [:]
            var gone: [UInt64] = []
            for _ in 0..<5_000 {
                if Bool.random() || known.isEmpty {
                    let call = make()
                    call.id = table.insert(call)
                    #expect(known.updateValue(call, forKey: call.id) == nil)
                } else if let id = known.keys.randomElement() {
                    table.remove(id)
                    known[id] = nil
                    gone.append(id)
                }
                #expect(table.count == known.count)
            }
            for (id, call) in known { #expect(table[id] === call) }
            for id in gone { #expect(table[id] == nil) }
            #expect(table[0] == nil && table[.max] == nil)
        }
    }
}
