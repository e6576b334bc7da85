internal import Glibc

/// The few file operations that a private server needs.
enum Files {
    /// Whom new files and directories belong to.
    struct Owner: Sendable, Equatable {
        let user: String
        let uid: UInt32
        let gid: UInt32
    }

    static func problem(_ what: String, _ path: String) -> PostgresError {
        let code = errno
        return PostgresError(
            code == ENOSPC || code == EDQUOT ? .diskFull : .localServer,
            "\(what) \(path): \(describe(errno: code))")
    }

    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// The text of a file; nil when it cannot be read.
    static func read(_ path: String, from offset: Int = 0, maxBytes: Int = 1 << 20) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard offset == 0 || lseek(descriptor, off_t(offset), SEEK_SET) >= 0 else { return nil }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < maxBytes {
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func size(_ path: String) -> Int {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Replaces a file as a whole.
    static func write(_ text: String, to path: String, owner: Owner?) throws(PostgresError) {
        let draft = path + ".new"
        let descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw problem("cannot create", draft) }
        defer { close(descriptor) }
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            guard count > 0 else { throw problem("cannot write", draft) }
            bytes = bytes.dropFirst(count)
        }
        if let owner, fchown(descriptor, owner.uid, owner.gid) != 0 {
            throw problem("cannot give away", draft)
        }
        try rename(draft, to: path)
    }

    static func rename(_ old: String, to new: String) throws(PostgresError) {
        guard unsafe Glibc.rename(old, new) == 0 else { throw problem("cannot rename", old) }
    }

    /// Makes a directory, and those above it, unless they are there. What is new is private and
    /// belongs to `owner`, who also gets one that is our own and empty, as `mktemp -d` leaves it.
    static func makeDirectory(_ path: String, owner: Owner?) throws(PostgresError) {
        if exists(path) {
            if let owner, isOwnAndEmpty(path), unsafe chown(path, owner.uid, owner.gid) != 0 {
                throw problem("cannot give away", path)
            }
            return
        }
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
            try makeParent(String(path[..<slash]))
        }
        guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw problem("cannot make the directory", path)
        }
        if let owner, unsafe chown(path, owner.uid, owner.gid) != 0 {
            throw problem("cannot give away", path)
        }
    }

    private static func isOwnAndEmpty(_ path: String) -> Bool {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
            status.st_uid == geteuid(), let folder = unsafe opendir(path)
        else { return false }
        defer { unsafe closedir(folder) }
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { return false }
        }
        return true
    }

    /// Directories above ours are open to be passed through, as `mkdir -p` leaves them.
    private static func makeParent(_ path: String) throws(PostgresError) {
        if exists(path) { return }
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
            try makeParent(String(path[..<slash]))
        }
        guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw problem("cannot make the directory", path)
        }
    }

    /// Where a symbolic link leads, such as `/proc/7/cwd`.
    static func link(_ path: String) -> String? {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4_097) { buffer in
            guard let start = buffer.baseAddress else { return nil }
            let count = unsafe readlink(path, start, 4_096)
            guard count >= 0 else { return nil }
            unsafe start[count] = 0
            return unsafe String(cString: start)
        }
    }

    /// The path without links and dots, of what is there.
    static func real(_ path: String) -> String? {
        guard let found = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(found) }
        return unsafe String(cString: found)
    }

    /// Someone of that name, from the user database.
    static func owner(named name: String) -> Owner? {
        guard let entry = unsafe getpwnam(name) else { return nil }
        return unsafe Owner(user: name, uid: entry.pointee.pw_uid, gid: entry.pointee.pw_gid)
    }

    /// The name of a user; its number when it has none.
    static func userName(_ uid: UInt32) -> String {
        guard let entry = unsafe getpwuid(uid), let name = unsafe entry.pointee.pw_name else {
            return String(uid)
        }
        return unsafe String(cString: name)
    }
}

/// An exclusive lock on a file, until it is released. The kernel frees it when the process dies,
/// however it dies.
final class FileLock: Sendable {
    private let descriptor: Int32

    /// - Throws: ``PostgresError`` `.localServer` which names the process that holds it.
    init(_ path: String, directory: String) throws(PostgresError) {
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Files.problem("cannot open", path) }
        // From here on `deinit` closes it, after a throw as well.
        self.descriptor = descriptor
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK else { throw Files.problem("cannot lock", path) }
            let holder = Files.read(path)?.split(separator: "\n").first.map { " (process \($0))" }
            throw PostgresError(
                .localServer,
                "\(directory) is in use by another apus\(holder ?? ""): stop that one, or choose"
                    + " another data directory")
        }
        let line = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        unsafe line.withUnsafeBytes { _ = unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    deinit { close(descriptor) }

    func release() { flock(descriptor, LOCK_UN) }
}
