import FuzzEntries
import TestSupport
import Testing

/// What the fuzzers found worth keeping, each input through the entry of its fuzzer. An entry dies
/// when a promise is broken.
@Suite struct CorpusTests {
    /// `Tests/Fuzz/Corpus/NAME`, each file's bytes.
    private func corpus(_ name: String, from here: String = #filePath) throws -> [[UInt8]] {
        let tests = here.split(separator: "/").dropLast(2).joined(separator: "/")
        let folder = "/\(tests)/Fuzz/Corpus/\(name)"
        return try TestFile.names(in: folder).filter { !$0.hasPrefix(".") }.map { name in
            try #require(TestFile.read("\(folder)/\(name)"))
        }
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

    @Test func `decompression keeps its promises`() throws {
        let inputs = try corpus("FuzzInflate")
        #expect(inputs.count >= 10)
        for input in inputs { FuzzEntries.inflate(input) }
    }

    @Test func `a session keeps its promises`() throws {
        let inputs = try corpus("FuzzSession")
        #expect(inputs.count > 20)
        for input in inputs { FuzzEntries.session(input) }
    }
}
