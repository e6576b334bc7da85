import Testing

@testable import Compression

@Suite struct CompressionFormatTests {
    static let formats = [CompressionFormat.zlib, .gzip]

    @Test(arguments: formats) func `what was compressed comes back`(
        _ format: CompressionFormat
    ) throws {
        var generator = SystemRandomNumberGenerator()
        for count in [0, 1, 300, 16 * 1_024, 32 * 1_024, 100_000, 1_000_000] {
            let noise = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            for bytes in [noise, noise.map { $0 & 3 }] {
                let compressed = format.compress(bytes)
                #expect(try format.decompress(compressed, maxBytes: count) == bytes)
            }
        }
    }

    @Test func `the formats are those of RFC 1950 and RFC 1952`() {
        let (zlib, gzip) = (
            CompressionFormat.zlib.compress([1]), CompressionFormat.gzip.compress([1])
        )
        #expect(zlib[0] == 0x78 && (Int(zlib[0]) << 8 | Int(zlib[1])) % 31 == 0)
        #expect(gzip.prefix(3) == [0x1f, 0x8b, 8])
        #expect(throws: CompressionError(.corrupt)) {
            try CompressionFormat.gzip.decompress(zlib, maxBytes: 10)
        }
        #expect(throws: CompressionError(.corrupt)) {
            try CompressionFormat.zlib.decompress(gzip, maxBytes: 10)
        }
    }

    @Test(arguments: formats) func `every way to cut it short is truncated`(
        _ format: CompressionFormat
    ) {
        let compressed = format.compress(Array(0...99))
        for count in 0..<compressed.count {
            #expect(throws: CompressionError(.truncated)) {
                try format.decompress(Array(compressed[..<count]), maxBytes: 1_000)
            }
        }
    }

    @Test(arguments: formats) func `what follows the end is refused, also another piece`(
        _ format: CompressionFormat
    ) {
        let compressed = format.compress([1, 2, 3])
        for more in [[0], compressed] {
            #expect(throws: CompressionError(.trailingBytes)) {
                try format.decompress(compressed + more, maxBytes: 1_000)
            }
        }
    }

    @Test(arguments: formats) func `a damaged checksum is corrupt`(_ format: CompressionFormat) {
        var compressed = format.compress([1, 2, 3])
        // Each ends with one: Adler-32, or CRC-32 and the length.
        compressed[compressed.count - (format == .zlib ? 1 : 5)] ^= 1
        #expect(throws: CompressionError(.corrupt)) {
            try format.decompress(compressed, maxBytes: 1_000)
        }
    }

    @Test(arguments: formats) func `the limit itself passes and one byte more does not`(
        _ format: CompressionFormat
    ) throws {
        for count in [10, 100_000] {
            let compressed = format.compress([UInt8](repeating: 0, count: count))
            #expect(try format.decompress(compressed, maxBytes: count).count == count)
            #expect(throws: CompressionError(.tooLarge)) {
                try format.decompress(compressed, maxBytes: count - 1)
            }
        }
    }

    @Test(arguments: formats) func `a bomb is refused, and what only looks like one is not`(
        _ format: CompressionFormat
    ) throws {
        let zeros = [UInt8](repeating: 0, count: CompressionFormat.unsuspiciousBytes)
        let small = format.compress(zeros)
        #expect(small.count * CompressionFormat.maxExpansion < zeros.count)
        #expect(try format.decompress(small, maxBytes: .max) == zeros)
        let bomb = format.compress([UInt8](repeating: 0, count: 64 << 20))
        #expect(throws: CompressionError(.suspicious)) {
            try format.decompress(bomb, maxBytes: .max)
        }
    }

    @Test(arguments: formats) func `a failure leaves nothing behind for the next one`(
        _ format: CompressionFormat
    ) throws {
        let good = format.compress(Array(0...255))
        for _ in 0..<10 {
            _ = try? format.decompress(Array(good.dropLast(3)), maxBytes: 1_000)
            _ = try? format.decompress([UInt8](repeating: 7, count: 50), maxBytes: 1_000)
            #expect(try format.decompress(good, maxBytes: 1_000) == Array(0...255))
        }
    }

    @Test(arguments: formats) func `damaged bytes give an error or no more than the limit`(
        _ format: CompressionFormat
    ) {
        var generator = SystemRandomNumberGenerator()
        let whole = format.compress((0..<20_000).map { UInt8(truncatingIfNeeded: $0 / 7) })
        var failures = 0
        for _ in 0..<5_000 {
            var damaged = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = damaged.indices.randomElement(using: &generator) ?? 0
                damaged[index] = UInt8.random(in: 0...255, using: &generator)
            }
            do throws(CompressionError) {
                let contents = try format.decompress(damaged, maxBytes: 25_000)
                #expect(contents.count <= 25_000)
            } catch {
                failures += 1
            }
        }
        #expect(failures > 1_000)
    }

    @Test func `many threads at once don't mix their work`() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for seed in 0..<16 {
                group.addTask {
                    let bytes = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* seed) }
                    for _ in 0..<20 {
                        let packed = CompressionFormat.gzip.compress(bytes)
                        let unpacked = try CompressionFormat.gzip.decompress(
                            packed, maxBytes: 20_000)
                        #expect(unpacked == bytes)
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
