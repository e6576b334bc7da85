import EventProtos
import GRPC
import Glibc
import IO
import Telemetry

/// Puts load on a server and prints one JSON object about it, for `make bench`.
///
/// Calls carry about what the yardstick's rows do: 300 bytes of payload and some metadata.
enum LoadTool {
    static func main(_ arguments: [String]) async -> Int32 {
        do {
            let options = try Options(arguments)
            let loops = try IOLoopGroup(count: 1)
            defer { loops.stop() }
            let channels = (0..<options.connections).map { _ in
                ClientChannel(
                    host: options.host, port: options.port, loops: loops,
                    logger: Logger(label: "load", level: .error))
            }
            let load = Load(options: options, channels: channels, loop: loops.loops[0])
            // A thread that is woken to hand over to another costs what is to be measured.
            let result = try await withTaskExecutorPreference(load.loop) {
                switch options.mode {
                case "publish": try await load.publish()
                case "publish-stream": try await load.publishStream()
                case "steady": try await load.steady()
                case "delivery": try await load.delivery()
                case "delivery-alone": try await load.deliveryAlone()
                case "catch-up": try await load.catchUp()
                default: throw OptionError(text: "no mode \(options.mode)")
                }
            }
            print(result.json)
            for channel in channels { await channel.close() }
            return 0
        } catch {
            print("apus-load: \(error)")
            return 1
        }
    }
}

struct OptionError: Error {
    let text: String
}

/// `apus-load MODE --address HOST:PORT [--seconds N] [--in-flight N] [--batch N] [--rate N]
/// [--events N] [--tenants N]`.
struct Options: Sendable {
    let mode: String
    var host = "127.0.0.1"
    var port = 50053
    var seconds = 5
    var inFlight = 1
    var batch = 1
    var rate = 1_000
    var events = 100_000
    var tenants = 50

    /// Enough for every call to have a stream of its own.
    var connections: Int { max(1, min(4, inFlight / 16)) }

    init(_ arguments: [String]) throws {
        guard let mode = arguments.first else { throw OptionError(text: "a mode is missing") }
        self.mode = mode
        var rest = arguments.dropFirst()
        while let name = rest.popFirst(), let value = rest.popFirst() {
            if name == "--address" {
                let parts = value.split(separator: ":")
                guard parts.count == 2, let port = Int(parts[1]) else {
                    throw OptionError(text: "--address must be HOST:PORT")
                }
                host = String(parts[0])
                self.port = port
                continue
            }
            guard let number = Int(value), number > 0 else {
                throw OptionError(text: "\(name) must be a number")
            }
            switch name {
            case "--seconds": seconds = number
            case "--in-flight": inFlight = number
            case "--batch": batch = number
            case "--rate": rate = number
            case "--events": events = number
            case "--tenants": tenants = number
            default: throw OptionError(text: "unknown flag \(name)")
            }
        }
    }
}

/// What a run measured.
struct LoadResult: Sendable {
    var events: Int
    let seconds: Double
    /// Of each answer or delivery, in seconds; sorted.
    private let latencies: [Double]

    init(events: Int, seconds: Double, latencies: [Double]) {
        self.events = events
        self.seconds = seconds
        self.latencies = latencies.sorted()
    }

    private func quantile(_ share: Double) -> Double {
        latencies.isEmpty ? 0 : latencies[Int(Double(latencies.count - 1) * share)]
    }

    var json: String {
        #"{"events":\#(events),"seconds":\#(seconds),"p50":\#(quantile(0.5)),"#
            + #""p99":\#(quantile(0.99))}"#
    }
}
