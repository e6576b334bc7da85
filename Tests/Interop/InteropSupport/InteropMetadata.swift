/// What the suite has servers send back.
public enum InteropMetadata {
    /// With the response's headers.
    public static let echoInitial = "x-grpc-test-echo-initial"
    /// With the status.
    public static let echoTrailing = "x-grpc-test-echo-trailing-bin"
}
