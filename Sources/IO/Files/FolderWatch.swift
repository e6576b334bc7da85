internal import CLinux
internal import Glibc

/// Hints that one of some files may have changed: something happened in the folder of its path, or
/// of what its path leads to. So it is heard when the file is written or replaced by a rename, and
/// when a link on the way to it is. A hint comes without a reason every minute, for folders that
/// were replaced themselves and for file systems that tell nothing.
actor FolderWatch {
    nonisolated let loop: IOLoop
    private let files: [String]
    private let hint: @Sendable () -> Void
    private var watcher: Watcher?
    private var timer: IOTimer?

    private static let interval: Duration = .seconds(60)

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    init(of files: [String], on loop: IOLoop, hint: @escaping @Sendable () -> Void) {
        self.files = files
        self.loop = loop
        self.hint = hint
    }

    /// Begins, and says once that anything may have changed.
    ///
    /// - Returns: Why the system can't tell of changes; the hints of every minute come all the same.
    func start() -> IOError? {
        var failure: IOError?
        do throws(IOError) {
            watcher = try Watcher(on: loop, hint)
        } catch {
            failure = error
        }
        watchFolders()
        hint()
        wait()
        return failure
    }

    /// Looks where the files are now. A folder that isn't there is found by a later look.
    func watchFolders() {
        for file in files {
            watcher?.watch(Self.folder(of: file))
            if let target = unsafe realpath(file, nil) {
                watcher?.watch(Self.folder(of: unsafe String(cString: target)))
                unsafe free(target)
            }
        }
    }

    func stop() {
        timer?.cancel()
        timer = nil
        watcher?.stop()
        watcher = nil
    }

    private func wait() {
        timer = loop.schedule(after: Self.interval) { [self] in
            assumeIsolated { watch in
                watch.hint()
                watch.wait()
            }
        }
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

/// Owns an inotify descriptor. Used on its loop's thread alone.
private final class Watcher: ReadinessHandler {
    private let fd: Int32
    private let hint: @Sendable () -> Void
    private var registration: Registration?

    init(on loop: IOLoop, _ hint: @escaping @Sendable () -> Void) throws(IOError) {
        fd = try check(clinux_inotify(), "inotify_init")
        self.hint = hint
        registration = try loop.register(fd, .read, handler: self)
    }

    deinit { close(fd) }

    func watch(_ folder: String) {
        _ = unsafe clinux_inotify_watch_folder(fd, folder)
    }

    func stop() {
        registration?.cancel()
        registration = nil
    }

    func ready(_ readiness: Readiness) {
        clinux_inotify_drain(fd)
        hint()
    }
}
