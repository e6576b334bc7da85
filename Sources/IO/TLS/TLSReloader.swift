public import Telemetry

/// Reloads a context when its files have changed, also when they are replaced by a rename or by
/// switching a link, as Kubernetes does with mounted secrets.
///
/// What can't be used, such as a key without its certificate because only one of them is there yet,
/// is logged, and what was in use stays in use.
public struct TLSReloader: Sendable {
    private let context: TLSContext
    private let loop: IOLoop
    private let logger: Logger

    /// Changes come in groups; one that is under way for longer counts as several.
    private static let settling: Duration = .milliseconds(100)

    public init(_ context: TLSContext, on loop: IOLoop, logger: Logger) {
        self.context = context
        self.loop = loop
        self.logger = logger
    }

    /// Runs until its task is cancelled.
    public func run() async throws {
        let (hints, continuation) = AsyncStream<Void>.makeStream(
            bufferingPolicy: .bufferingNewest(1))
        let watch = FolderWatch(of: context.files, on: loop) { continuation.yield() }
        if let error = await watch.start() {
            logger.warning(
                "TLS files can't be watched, only looked at every minute",
                [.error: .init("\(error)")])
        }
        var refused: [FileVersion?]?
        for await _ in hints {
            try? await Task.sleep(for: Self.settling)
            // Before the look at the files: what changes after it is hinted at again.
            await watch.watchFolders()
            let found = context.files.map { FileVersion($0) }
            guard found != context.handle.versions, found != refused else {
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
