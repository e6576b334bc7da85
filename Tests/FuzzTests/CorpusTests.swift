import FuzzEntries
import Glibc
import Testing

/// What the fuzzers found worth keeping, each input through the entry of its fuzzer. An entry dies
/// when a promise is broken.
@Suite struct CorpusTests {
    /// `Tests/Fuzz/Corpus/NAME`, each file's bytes.
    private func corpus(_ name: String, from here: String = #filePath) throws -> [[UInt8]] {
        let tests = here.split(separator: "/").dropLast(2).joined(separator: "/")
        let folder = "/\(tests)/Fuzz/Corpus/\(name)"
        let directory = try #require(opendir(folder))
        defer { closedir(directory) }
        var inputs: [[UInt8]] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasPrefix(".") { continue }
            let file = try #require(fopen("\(folder)/\(name)", "r"))
            defer { fclose(file) }
            var content = [UInt8](repeating: 0, count: 1 << 20)
            let count = fread(&content, 1, content.count, file)
            inputs.append(Array(content[..<count]))
        }
        return inputs
    }

    @Test func `scan and decoder keep their promises`() throws {
        let inputs = try corpus("FuzzDecode")
        #expect(inputs.count > 100)
        for input in inputs { FuzzEntries.decode(input) }
    }

    @Test func `JSON keeps its promises`() throws {
        let inputs = try corpus("FuzzJSON")
        #expect(inputs.count > 100)
        for input in inputs { FuzzEntries.json(input) }
    }

    @Test func `the deframer keeps its promises`() throws {
        let inputs = try corpus("FuzzDeframer")
        #expect(inputs.count >= 5)
        for input in inputs { FuzzEntries.deframer(input) }
    }

    @Test func `descriptor sets keep their promises`() throws {
        let inputs = try corpus("FuzzDescriptors")
        #expect(inputs.count > 100)
        for input in inputs { FuzzEntries.descriptors(input) }
    }

    @Test func `timeouts, percent encoding and base64 keep their promises`() throws {
        let inputs = try corpus("FuzzTexts")
        #expect(inputs.count > 20)
        for input in inputs { FuzzEntries.texts(input) }
    }

    @Test func `metadata keeps its promises`() throws {
        let inputs = try corpus("FuzzMetadata")
        #expect(inputs.count > 5)
        for input in inputs { FuzzEntries.metadata(input) }
    }

    @Test func `a session keeps its promises`() throws {
        let inputs = try corpus("FuzzSession")
        #expect(inputs.count > 20)
        for input in inputs { FuzzEntries.session(input) }
    }
}
