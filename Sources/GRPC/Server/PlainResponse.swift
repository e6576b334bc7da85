import HTTP2

/// An answer to a request that isn't gRPC.
struct PlainResponse {
    let headers: FixedHeaders
    private(set) var fields = HeaderFields()
    private(set) var body: [UInt8]

    private init(_ headers: KeyValuePairs<StaticString, StaticString>, _ body: String) {
        self.headers = FixedHeaders(headers)
        self.body = Array(body.utf8)
    }

    init(_ resource: PlainResource) {
        headers = Self.found
        body = resource.body()
        fields.append("content-type", resource.contentType)
        fields.append("content-length", String(body.count))
    }

    /// The same for a HEAD request.
    var withoutBody: PlainResponse {
        var response = self
        response.body = []
        return response
    }

    private static let found = FixedHeaders([":status": "200"])
    static let notFound = PlainResponse(
        [":status": "404", "content-type": "text/plain"], "not found\n")
    static let methodNotAllowed = PlainResponse(
        [":status": "405", "content-type": "text/plain", "allow": "POST"], "method not allowed\n")
    static let resourceMethodNotAllowed = PlainResponse(
        [":status": "405", "content-type": "text/plain", "allow": "GET, HEAD"],
        "method not allowed\n")
    static let unsupportedMediaType = PlainResponse(
        [":status": "415", "content-type": "text/plain"], "content-type must be application/grpc\n")
    static let headersTooLarge = PlainResponse(
        [":status": "431", "content-type": "text/plain"], "header fields too large\n")
}
