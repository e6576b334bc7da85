internal import Glibc

/// Tells one file from another that later has its name.
struct FileIdentity: Equatable {
    private let device: UInt64
    private let inode: UInt64
    private let mode: mode_t

    /// Nil when nothing is there. A link stands for itself.
    init?(_ path: String) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        mode = status.st_mode
    }

    var isSocket: Bool { mode & S_IFMT == S_IFSOCK }
}
