import Glibc

/// A plugin of protoc: a request comes in through standard input, the answer goes out through
/// standard output.
enum Plugin {
    static func main() -> Never {
        do {
            let request = try PluginRequest(serialized: StandardStreams.readAll())
            do {
                let files = try Generator(request).files()
                StandardStreams.write(PluginResponse.serialize(files))
            } catch let error {
                StandardStreams.write(PluginResponse.serialize(error))
            }
            exit(EXIT_SUCCESS)
        } catch {
            StandardStreams.complain("protoc-gen-apus: \(error)\n")
            exit(EXIT_FAILURE)
        }
    }
}

/// Why nothing was generated.
struct GeneratorError: Error, CustomStringConvertible {
    /// What protoc prints: the file, and what is wrong with it.
    let description: String

    init(_ description: String) { self.description = description }
}
