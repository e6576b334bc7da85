import Digests
import Testing

@Suite struct SHA256Tests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ])
    func `the digests of FIPS 180 come out`(text: String, digest: String) {
        #expect(SHA256.digest(text).hexadecimal == digest)
        #expect(SHA256.digest(Array(text.utf8)).hexadecimal == digest)
    }

    @Test func `pieces make the same digest as the whole, and one object serves many`() {
        let hash = SHA256()
        for _ in 0..<2 {
            hash.update("a")
            hash.update([UInt8(ascii: "b")])
            hash.update("c")
            #expect(hash.finish() == SHA256.digest("abc"))
        }
        hash.update(UInt64(0x6162_6364_6566_6768))
        #expect(hash.finish() == SHA256.digest("abcdefgh"))
    }

    @Test func `the first half is the first 16 bytes`() {
        let digest = SHA256.digest("abc")
        #expect(digest.first16Bytes == Array(digest.bytes[..<16]))
        #expect(digest.first16.high == 0xba78_16bf_8f01_cfea)
        #expect(digest.first16.low == 0x4141_40de_5dae_2223)
    }
}
