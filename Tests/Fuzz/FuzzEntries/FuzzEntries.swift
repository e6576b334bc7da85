import Glibc

/// What the fuzzers call, and the test that runs their corpus.
///
/// Each entry takes any bytes, and dies when a promise is broken: that is how libFuzzer hears of it.
public enum FuzzEntries {
    /// Dies with the sentence when the promise is broken, in release builds too.
    static func promise(_ holds: Bool, _ sentence: @autoclosure () -> String) {
        if !holds { fatalError(sentence()) }
    }

    /// A file, by its path from the folder `Tests`.
    static func file(_ path: String, from here: String = #filePath) -> [UInt8] {
        let folder = here.split(separator: "/").dropLast(3).joined(separator: "/")
        guard let stream = fopen("/\(folder)/\(path)", "r") else {
            fatalError("cannot open \(path)")
        }
        defer { fclose(stream) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, stream)
            if count == 0 { return content }
            content += buffer[..<count]
        }
    }
}
