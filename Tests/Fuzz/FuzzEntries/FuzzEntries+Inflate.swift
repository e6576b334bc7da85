import Compression

extension FuzzEntries {
    /// Contents stay within their limit, and don't depend on the steps in which they were had; what
    /// comes out and is compressed again comes out the same.
    ///
    /// - Parameter input: A byte for the format, one for the limit, one for the steps; the rest is
    ///   what is decompressed.
    public static func inflate(_ input: [UInt8]) {
        guard input.count >= 3 else { return }
        let format = input[0] & 1 == 0 ? CompressionFormat.zlib : .gzip
        let maxBytes = 1 << (Int(input[1]) % 21)
        let step = 1 << (Int(input[2]) % 21)
        let bytes = Array(input.dropFirst(3))
        let inflater = Inflater(format)
        let whole = contents(of: bytes, inflater, maxBytes: maxBytes, step: .max)
        let parts = contents(of: bytes, inflater, maxBytes: maxBytes, step: step)
        promise(whole == parts, "contents depend on the steps")
        guard case .success(let contents) = whole else { return }
        promise(contents.count <= maxBytes, "more contents than the limit")
        let again = self.contents(
            of: format.compress(contents), inflater, maxBytes: maxBytes, step: step)
        if case .failure(let error) = again {
            promise(error.code == .suspicious, "what was compressed can't be decompressed")
        } else {
            promise(again == whole, "what was compressed doesn't come back")
        }
    }

    private static func contents(
        of bytes: [UInt8], _ inflater: Inflater, maxBytes: Int, step: Int
    ) -> Result<[UInt8], CompressionError> {
        inflater.begin(bytes, maxBytes: maxBytes)
        do throws(CompressionError) {
            while true {
                var work = step
                if let contents = try inflater.proceed(&work) { return .success(contents) }
                promise(work <= 0, "it stopped with work left")
            }
        } catch {
            return .failure(error)
        }
    }
}
