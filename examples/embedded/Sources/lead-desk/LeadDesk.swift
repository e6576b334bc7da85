import ApusEmbedding
import Dispatch
import EventProtos
import Events
import Glibc
import Telemetry

typealias LeadCreated = ApusEventsLeadV1.LeadCreated

/// A service of one's own that Apus runs in: its handler gets every new lead.
///
///     lead-desk postgresql:///apus?host=…
@main
enum LeadDesk {
    static func main() async throws {
        guard let database = CommandLine.arguments.dropFirst().first else {
            print("usage: lead-desk DATABASE-URI")
            exit(2)
        }
        let (ends, sources) = stopSignals()
        defer { for source in sources { source.cancel() } }
        let logger = Logger(label: "lead-desk", level: .warning)
        try await EmbeddedApus.run(database: database, logger: logger) { registry, _ in
            try registry.handle(LeadCreated.self, named: "lead-desk") { event, context in
                guard event.payload.source != "nowhere" else {
                    throw HandlerError.permanent("a lead from nowhere")
                }
                say(
                    "lead \(event.payload.leadId) of \(event.tenant) from \(event.payload.source):"
                        + " \(context.deliveryID), attempt \(context.attempt)")
            }
        } while: { publisher in
            // A service publishes as well, from wherever it likes.
            try await publisher.publish(
                .leadCreated(leadId: "desk", source: "lead-desk"), for: .default)
            say("lead-desk runs")
            // Until somebody ends it.
            for await _ in ends { break }
        }
        say("lead-desk has ended")
    }

    /// SIGTERM and SIGINT, heard as long as the sources are there. Not in `main`, whose closures belong
    /// to the main actor, while signals are told elsewhere.
    private static func stopSignals() -> (AsyncStream<Void>, [any DispatchSourceSignal]) {
        let (signals, told) = AsyncStream.makeStream(of: Void.self)
        let sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { told.yield() }
            source.activate()
            return source
        }
        return (signals, sources)
    }

    /// Prints a line, at once also into a pipe.
    private static func say(_ line: String) {
        print(line)
        fflush(nil)
    }
}
