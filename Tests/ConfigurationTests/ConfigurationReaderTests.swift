import Configuration
import TestSupport
import Testing

@Suite struct ConfigurationReaderTests {
    @Test func `a file is read by its path, to its last byte`() async throws {
        try await TemporaryDirectory.with { folder in
            let path = "\(folder)/apus.yaml"
            let filler = String(repeating: "# filler\n", count: 20_000)
            TestFile.write(Array("\(filler)text: hello".utf8), to: path)
            let text = try ConfigurationReader.read(file: path) { $0.text("text") }
            #expect(text == "hello")
        }
    }

    @Test func `a file that can't be read says why`() async throws {
        try await TemporaryDirectory.with { folder in
            let path = "\(folder)/apus.yaml"
            #expect(Self.fault(path) == "\(path): can't be read: No such file or directory")
            #expect(Self.fault(folder) == "\(folder): is no regular file")
            TestFile.write([UInt8](repeating: UInt8(ascii: "#"), count: 1 << 20 + 1), to: path)
            #expect(Self.fault(path) == "\(path): has more than 1048576 bytes")
        }
    }

    private static func fault(_ path: String) -> String? {
        do throws(ConfigurationError) {
            _ = try ConfigurationReader.read(file: path) { $0.names }
            return nil
        } catch {
            return error.description
        }
    }
}
