internal import Glibc

/// How a private server is set up.
enum ServerSettings {
    /// What an operator may change in `postgresql.conf` afterwards.
    static func initial() -> [String] {
        let pages = sysconf(Int32(_SC_PHYS_PAGES))
        let memory = max(pages, 0) * sysconf(Int32(_SC_PAGESIZE)) / (1 << 20)
        let buffers = min(max(memory / 8, 128), 1_024)
        return [
            "shared_buffers = \(buffers)MB",
            "max_wal_size = 2GB",
            "min_wal_size = 256MB",
            "wal_buffers = 16MB",
            "checkpoint_timeout = 15min",
            "wal_compression = lz4",
        ]
    }

    /// What must be so. The log holds no statements and no values: those are payloads.
    static func commandLine(_ options: LocalPostgres.Options, _ directory: DataDirectory)
        -> [String]
    {
        var settings = [
            "listen_addresses=",
            "port=5432",
            "unix_socket_directories=\(quoted(directory.socketDirectory))",
            "unix_socket_permissions=0700",
            "hba_file=\(directory.hostRules)",
            "ident_file=\(directory.userMap)",
            "max_connections=\(options.maxConnections)",
            "logging_collector=off",
            "log_destination=stderr",
            "log_line_prefix=%m [%p] ",
            "log_min_messages=warning",
            "log_min_error_statement=panic",
            "log_error_verbosity=terse",
            "log_checkpoints=off",
        ]
        if !options.isDurable {
            settings += ["fsync=off", "full_page_writes=off", "synchronous_commit=off"]
        }
        return settings + options.settings
    }

    /// A list of paths has its items in quotes.
    private static func quoted(_ path: String) -> String {
        "\""
            + path.split(separator: "\"", omittingEmptySubsequences: false).joined(
                separator: "\"\"") + "\""
    }
}
