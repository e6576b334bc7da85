import Glibc

/// Standard output and standard error of a command.
///
/// Lines go out as they are written, so that `apus subscribe | head` sees each event at once. A
/// reader that went away ends the process as it would end any Unix filter.
struct Terminal: Sendable {
    /// Progress lines are drawn only for a person.
    var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }

    /// Both what it answers and what it says besides are read by a person.
    var isForPeople: Bool { isInteractive && isatty(STDOUT_FILENO) == 1 }

    /// Columns of the terminal that progress is drawn on; 80 where nobody knows.
    var width: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return 80
        }
        return Int(size.ws_col)
    }

    func print(_ line: String) {
        write(line + "\n", to: STDOUT_FILENO)
    }

    func error(_ line: String) {
        write(line + "\n", to: STDERR_FILENO)
    }

    /// Replaces the line that the last call drew; `print` and `error` start below it.
    func progress(_ line: String) {
        guard isInteractive else { return }
        write("\r\u{1B}[K" + line, to: STDERR_FILENO)
    }

    func endProgress() {
        guard isInteractive else { return }
        write("\n", to: STDERR_FILENO)
    }

    private func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress(of: bytes), rest.count)
                if count < 0 {
                    if errno == EINTR { continue }
                    // EPIPE: the reader has gone; 141 is what a shell shows for SIGPIPE.
                    exit(errno == EPIPE ? 141 : 1)
                }
                rest = rest.dropFirst(count)
            }
        }
    }
}

extension Slice<UnsafeBufferPointer<UInt8>> {
    fileprivate func baseAddress(of whole: UnsafeBufferPointer<UInt8>) -> UnsafePointer<UInt8>? {
        whole.baseAddress.map { $0 + startIndex }
    }
}
