import HTTP2

/// An answer to a request that isn't gRPC.
struct PlainResponse {
    let headers: FixedHeaders
    let body: String

    private init(_ headers: KeyValuePairs<StaticString, StaticString>, _ body: String) {
        self.headers = FixedHeaders(headers)
        self.body = body
    }

    /// The same for a HEAD request.
    var withoutBody: PlainResponse { PlainResponse(headers: headers, body: "") }

    private init(headers: FixedHeaders, body: String) {
        self.headers = headers
        self.body = body
    }

    static let healthy = PlainResponse(
        [":status": "200", "content-type": "text/plain", "content-length": "3"], "ok\n")
    static let notFound = PlainResponse(
        [":status": "404", "content-type": "text/plain"], "not found\n")
    static let methodNotAllowed = PlainResponse(
        [":status": "405", "content-type": "text/plain", "allow": "POST"], "method not allowed\n")
    static let healthMethodNotAllowed = PlainResponse(
        [":status": "405", "content-type": "text/plain", "allow": "GET, HEAD"],
        "method not allowed\n")
    static let unsupportedMediaType = PlainResponse(
        [":status": "415", "content-type": "text/plain"], "content-type must be application/grpc\n")
    static let headersTooLarge = PlainResponse(
        [":status": "431", "content-type": "text/plain"], "header fields too large\n")
}
