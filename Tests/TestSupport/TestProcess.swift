import Postgres

/// A program that a test starts, without blocking a thread while it runs.
public struct TestProcess: Sendable {
    public struct Output: Sendable {
        /// nil when a signal ended it.
        public let exitCode: Int32?
        /// Standard output and error, as they came.
        public let text: String
    }

    private let child: ChildProcess

    public var pid: Int32 { child.pid }
    public var isRunning: Bool { child.exit == nil }

    /// Runs a program to its end.
    ///
    /// - Parameter words: Its path, then its arguments.
    public static func run(
        _ words: [String], environment: [String: String] = [:], directory: String = "/"
    ) async throws -> Output {
        let output = try await ChildProcess.run(command(words, environment, directory))
        if case .exited(let code) = output.exit {
            return Output(exitCode: code, text: output.text)
        }
        return Output(exitCode: nil, text: output.text)
    }

    /// Starts a program that goes on. The caller ends it.
    ///
    /// - Parameter output: A descriptor for standard output and error; nil for nowhere.
    public static func start(
        _ words: [String], environment: [String: String] = [:], directory: String = "/",
        input: Int32? = nil, output: Int32? = nil
    ) async throws -> TestProcess {
        var command = command(words, environment, directory)
        command.input = input
        command.output = output
        return TestProcess(child: try await ChildProcess.start(command))
    }

    public func signal(_ signal: Int32) { child.signal(signal) }

    /// - Returns: Its exit code; nil when a signal ended it or the task was cancelled.
    public func waitForExit() async -> Int32? {
        if case .exited(let code) = await child.waitForExit() { return code }
        return nil
    }

    private static func command(
        _ words: [String], _ environment: [String: String], _ directory: String
    ) -> Command {
        var command = Command(
            words, environment: Command.plainEnvironment.merging(environment) { $1 })
        command.workingDirectory = directory
        return command
    }
}
