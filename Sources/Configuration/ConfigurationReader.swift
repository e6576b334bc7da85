internal import Glibc

/// Reads a configuration file, section by section.
public enum ConfigurationReader {
    /// - Parameter body: Reads the keys of the root; what it makes counts when nothing was wrong.
    /// - Throws: All that is wrong, at least as far as the text is YAML.
    public static func read<Value>(
        file path: String, _ body: (ConfigurationSection) -> Value
    ) throws(ConfigurationError) -> Value {
        let text: [UInt8]
        do throws(YamlFault) {
            // One byte more than is allowed tells that there is more.
            text = try contents(of: path, atMost: YamlTree.Limits().maxBytes + 1)
        } catch {
            throw ConfigurationError([
                ConfigurationFault(file: path, place: nil, path: "", message: error.message)
            ])
        }
        return try read(text: text, named: path, body)
    }

    /// - Parameters:
    ///   - text: UTF-8.
    ///   - file: How faults name it.
    public static func read<Value>(
        text: [UInt8], named file: String, _ body: (ConfigurationSection) -> Value
    ) throws(ConfigurationError) -> Value {
        let faults = FaultList(file: file)
        do throws(YamlFault) {
            let (root, duplicates) = try YamlTree.read(text)
            for duplicate in duplicates {
                faults.add(duplicate.key, duplicate.place, "is given twice")
            }
            let made = ConfigurationSection(root, path: "", isOptional: true, faults: faults)
            if let section = made {
                let value = body(section)
                section.end()
                if faults.isEmpty { return value }
            }
        } catch {
            faults.add("", error.place, error.message)
        }
        throw faults.error
    }

    /// - Parameter room: Bytes that are read; what the file has besides is left.
    static func contents(of path: String, atMost room: Int) throws(YamlFault) -> [UInt8] {
        // A pipe without a writer would hold up its reader.
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw unreadable() }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw unreadable() }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw YamlFault(place: nil, message: "is no regular file")
        }
        var text: [UInt8] = []
        while text.count < room {
            let wanted = min(room - text.count, 64 << 10)
            let start = text.count
            text.append(contentsOf: repeatElement(0, count: wanted))
            let count = unsafe text.withUnsafeMutableBytes { bytes in
                unsafe Glibc.read(file, bytes.baseAddress.map { unsafe $0 + start }, wanted)
            }
            guard count >= 0 else { throw unreadable() }
            text.removeLast(wanted - count)
            if count == 0 { break }
        }
        return text
    }

    private static func unreadable() -> YamlFault {
        let reason = unsafe String(cString: strerror(errno))
        return YamlFault(place: nil, message: "can't be read: \(reason)")
    }
}

/// What was found wrong so far.
final class FaultList {
    private let file: String
    private var faults: [ConfigurationFault] = []

    init(file: String) {
        self.file = file
    }

    var isEmpty: Bool { faults.isEmpty }

    func add(_ path: String, _ place: ConfigurationPlace?, _ message: String) {
        faults.append(
            ConfigurationFault(file: file, place: place, path: path, message: message))
    }

    var error: ConfigurationError {
        let start = ConfigurationPlace(line: 0, column: 0)
        return ConfigurationError(
            faults.sorted { ($0.place ?? start) < ($1.place ?? start) })
    }
}
