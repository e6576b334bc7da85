import Glibc

/// Standard input, output and error of this process.
enum StandardStreams {
    static func readAll() throws(GeneratorError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe read(STDIN_FILENO, &chunk, chunk.count)
            if count == 0 { return bytes }
            if count > 0 {
                bytes += chunk[..<count]
            } else if errno != EINTR {
                throw GeneratorError("cannot read the request")
            }
        }
    }

    static func write(_ bytes: [UInt8]) {
        send(bytes[...], to: STDOUT_FILENO)
    }

    static func complain(_ text: String) {
        send(Array(text.utf8)[...], to: STDERR_FILENO)
    }

    private static func send(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) {
        var rest = bytes
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno != EINTR { exit(EXIT_FAILURE) }
            rest = rest.dropFirst(max(count, 0))
        }
    }
}
