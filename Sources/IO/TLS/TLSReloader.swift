internal import Synchronization
public import Telemetry

/// Reloads a context when its files have changed, also when they are replaced by a rename or by
/// switching a link, as Kubernetes does with mounted secrets.
///
/// What can't be used, such as a key without its certificate because only one of them is there yet,
/// is logged, and what was in use stays in use.
public final class TLSReloader: Sendable {
    private let context: TLSContext
    private let loop: IOLoop
    private let logger: Logger
    /// One is kept while a look is under way; what it was for is seen by the next.
    private let hints: AsyncStream<Void>
    private let hint: AsyncStream<Void>.Continuation
    /// Somebody wants the files read, changed or not.
    private let isAsked = Atomic<Bool>(false)

    /// Changes come in groups; one that is under way for longer counts as several.
    private static let settling: Duration = .milliseconds(100)

    public init(_ context: TLSContext, on loop: IOLoop, logger: Logger) {
        self.context = context
        self.loop = loop
        self.logger = logger
        (hints, hint) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Reloads soon, whether the files have changed or not.
    public func reloadNow() {
        isAsked.store(true, ordering: .releasing)
        hint.yield()
    }

    /// Runs until its task is cancelled.
    public func run() async throws {
        let watch = FolderWatch(of: context.files, on: loop) { [hint] in hint.yield() }
        if let error = await watch.start() {
            logger.warning(
                "TLS files can't be watched, only looked at every minute",
                [.error: .init("\(error)")])
        }
        var refused: [FileVersion?]?
        for await _ in hints {
            if !isAsked.load(ordering: .acquiring) { try? await Task.sleep(for: Self.settling) }
            let isAsked = isAsked.exchange(false, ordering: .acquiringAndReleasing)
            // Before the look at the files: what changes after it is hinted at again.
            await watch.watchFolders()
            let found = context.files.map { FileVersion($0) }
            let isNew = found != context.handle.versions && found != refused
            guard isNew || isAsked else {
                logger.debug("TLS files have not changed")
                continue
            }
            refused = reload() ? nil : found
        }
        await watch.stop()
    }

    /// - Returns: Whether the files could be used.
    private func reload() -> Bool {
        let path = context.files.first ?? ""
        do {
            try context.reload()
            logger.info("TLS files reloaded", [.path: .init(path)])
            return true
        } catch {
            logger.error(
                "TLS files can't be used, the old ones stay in use",
                [.path: .init(path), .error: .init("\(error)")])
            return false
        }
    }
}
