internal import CLibpq

/// Owns one `PGconn`. Used on its loop's thread.
@safe
final class ConnectionHandle {
    enum PollOutcome { case reading, writing, connected, failed }
    enum FlushOutcome { case done, more, failed }

    private let raw: OpaquePointer

    init(owning raw: OpaquePointer) { unsafe self.raw = raw }

    /// Ends the session, if there is one.
    deinit { unsafe PQfinish(raw) }

    /// Starts connecting; `poll` goes on.
    static func start(
        _ parameters: [(keyword: String, value: String)]
    ) throws(PostgresError) -> ConnectionHandle {
        let keywords = CStrings(parameters.map(\.keyword))
        let values = CStrings(parameters.map(\.value))
        guard let raw = unsafe PQconnectStartParams(keywords.pointers, values.pointers, 0) else {
            throw PostgresError(.outOfMemory, "no memory for a connection")
        }
        let handle = unsafe ConnectionHandle(owning: raw)
        // Notices may quote values, and would go to standard error.
        unsafe PQsetNoticeReceiver(raw, { _, _ in }, nil)
        guard unsafe PQstatus(raw) != CONNECTION_BAD else { throw handle.connectError() }
        return handle
    }

    // MARK: Connecting

    /// The socket, which may change from poll to poll.
    var socket: Int32 { unsafe PQsocket(raw) }

    func poll() -> PollOutcome {
        switch unsafe PQconnectPoll(raw) {
        case PGRES_POLLING_OK: .connected
        case PGRES_POLLING_READING: .reading
        case PGRES_POLLING_WRITING: .writing
        default: .failed
        }
    }

    /// libpq's words for why it could not connect: host, user and database, never a password.
    func connectError() -> PostgresError {
        ErrorClassifier.connectError(unsafe String(cString: PQerrorMessage(raw)))
    }

    /// Non-blocking, in pipeline mode.
    func enterPipeline() -> Bool {
        unsafe PQsetnonblocking(raw, 1) == 0 && PQenterPipelineMode(raw) == 1
    }

    /// Only when no answer is outstanding.
    func leavePipeline() -> Bool { unsafe PQexitPipelineMode(raw) == 1 }

    var serverVersion: Int { Int(unsafe PQserverVersion(raw)) }
    var backendPID: Int32 { unsafe PQbackendPID(raw) }
    var isBad: Bool { unsafe PQstatus(raw) == CONNECTION_BAD }
    var isInTransaction: Bool { unsafe PQtransactionStatus(raw) != PQTRANS_IDLE }

    // MARK: Sending

    func sendPrepare(name: String, sql: String, types: [TypeOID]) -> Bool {
        let oids = types.map { Oid($0.number) }
        return unsafe PQsendPrepare(raw, name, sql, Int32(oids.count), oids) == 1
    }

    /// Binary in, binary out.
    func sendExecute(name: String, _ parameters: EncodedParameters) -> Bool {
        let count = parameters.slots.count
        let lengths = parameters.slots.map(\.length)
        let formats = [Int32](repeating: 1, count: count)
        return unsafe parameters.bytes.withUnsafeBytes { bytes in
            let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let values: [UnsafePointer<CChar>?] = unsafe parameters.slots.map { slot in
                // No address is what makes a null.
                guard let start = unsafe start, slot.length >= 0 else { return nil }
                return unsafe start + Int(slot.offset)
            }
            return unsafe PQsendQueryPrepared(
                raw, name, Int32(count), values, lengths, formats, 1) == 1
        }
    }

    /// Ends a group: what fails before it does not touch what follows.
    func sendSync() -> Bool { unsafe PQpipelineSync(raw) == 1 }

    /// Outside of pipeline mode: any number of statements, answers in text.
    func sendScript(_ sql: String) -> Bool { unsafe PQsendQuery(raw, sql) == 1 }

    func flush() -> FlushOutcome {
        switch unsafe PQflush(raw) {
        case 0: .done
        case 1: .more
        default: .failed
        }
    }

    // MARK: Receiving

    func consumeInput() -> Bool { unsafe PQconsumeInput(raw) == 1 }

    /// Whether the next result has not fully come yet.
    var isBusy: Bool { unsafe PQisBusy(raw) == 1 }

    /// The next result; nil at the end of one statement's results. Only when not busy.
    func nextResult() -> ResultHandle? {
        guard let result = unsafe PQgetResult(raw) else { return nil }
        return unsafe ResultHandle(owning: result)
    }

    func nextNotification() -> PostgresNotification? {
        guard let notify = unsafe PQnotifies(raw) else { return nil }
        defer { unsafe PQfreemem(notify) }
        return unsafe PostgresNotification(
            channel: String(cString: notify.pointee.relname),
            payload: String(cString: notify.pointee.extra),
            backendPID: notify.pointee.be_pid)
    }

    /// The name in double quotes, as SQL wants it.
    func quoted(identifier: String) -> String? {
        guard
            let quoted = unsafe PQescapeIdentifier(raw, identifier, identifier.utf8.count)
        else { return nil }
        defer { unsafe PQfreemem(quoted) }
        return unsafe String(cString: quoted)
    }
}
