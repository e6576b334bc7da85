import Testing

@testable import Postgres

@Suite struct ErrorClassifierTests {
    @Test(arguments: [
        ("53100", PostgresError.Code.diskFull), ("53200", .outOfMemory),
        ("53300", .tooManyConnections), ("58030", .crashed), ("57P02", .crashed),
        ("57P03", .shuttingDown), ("25006", .readOnly), ("40001", .conflict), ("40P01", .conflict),
        ("23505", .rejected), ("57014", .timedOut), ("55P03", .timedOut),
        ("08006", .connectionLost),
        ("28000", .authenticationFailed), ("XX001", .crashed), ("42P01", .rejected),
    ])
    func `each state has its code`(state: String, code: PostgresError.Code) {
        let failure = ServerFailure(severity: "ERROR", sqlState: state, primary: "secret value")
        let error = ErrorClassifier.error(failure)
        #expect(error.code == code)
        #expect(error.sqlState == state)
    }

    @Test func `a panic is a crash whatever its state, and a fatal error loses the connection`() {
        let panic = ServerFailure(severity: "PANIC", sqlState: "53100", primary: "")
        #expect(ErrorClassifier.error(panic).code == .crashed)
        let fatal = ServerFailure(severity: "FATAL", sqlState: "57P01", primary: "")
        #expect(ErrorClassifier.error(fatal).code == .connectionLost)
        #expect(fatal.endsSession && panic.endsSession)
    }

    @Test func `what the server says of values stays with us`() {
        for state in ["23505", "22P02", "42601", "P0001", "XX000"] {
            let failure = ServerFailure(
                severity: "ERROR", sqlState: state, primary: "a secret value",
                constraint: "events_pkey")
            let error = ErrorClassifier.error(failure)
            #expect(!error.description.contains("secret"))
            #expect(error.message.contains("events_pkey"))
        }
    }

    @Test(arguments: [
        ("FATAL:  the database system is starting up", PostgresError.Code.shuttingDown),
        ("FATAL:  sorry, too many clients already", .tooManyConnections),
        ("FATAL:  password authentication failed for user \"x\"", .authenticationFailed),
        ("connection refused", .cannotConnect),
    ])
    func `a failed start is told by its words`(words: String, code: PostgresError.Code) {
        #expect(ErrorClassifier.connectError(words).code == code)
    }
}
