import CFuzzer
import FuzzEntries

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    FuzzEntries.inflate(Array(UnsafeBufferPointer(start: data, count: size)))
    return 0
}

// SwiftPM renames the main function of an executable.
@_cdecl("FuzzInflate_main")
func main(
    _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> CInt {
    cfuzzer_run(count, arguments)
}
