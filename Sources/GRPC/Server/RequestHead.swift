import HTTP2
import IO

/// What a request's header fields say, read as they arrive.
///
/// Not copyable: it is large, and read where it is.
struct RequestHead: ~Copyable {
    enum Method { case get, head, post, other }

    /// What to do with the request.
    enum Verdict {
        case call(Route)
        /// Refused with a gRPC status.
        case refuse(RPCError)
        /// Not gRPC: answered with an HTTP status and a short body.
        case plain(PlainResponse)
    }

    private(set) var timeout: Duration?
    /// Everything that isn't HTTP's or gRPC's own.
    private var metadata = HeaderFields()
    private var method = Method.other
    private(set) var route: Route?
    /// Kept only when it leads nowhere and is one (RFC 3986): comparing other text can cost the
    /// square of its length.
    private var unknownPath: String?
    private var isGRPC = false
    private var badTimeout = false
    /// Of the requests; nil when it is one that nobody here knows.
    private(set) var encoding: CompressionAlgorithm? = .identity
    /// For the responses.
    private(set) var accepted = AcceptedEncodings()

    mutating func receive(_ name: Span<UInt8>, _ value: Span<UInt8>, _ router: Router) {
        if name.count > 0 && name[0] == UInt8(ascii: ":") {
            receivePseudo(name, value, router)
            return
        }
        switch name.count {
        case 2 where name.equals("te"): break
        case 12 where name.equals("content-type"): isGRPC = Self.isGRPC(value)
        case 12 where name.equals("grpc-timeout"):
            timeout = CallTimeout.decode(value)
            badTimeout = timeout == nil
        case 13 where name.equals("grpc-encoding"): encoding = CompressionAlgorithm(value)
        case 14 where name.equals("content-length"): break
        case 20 where name.equals("grpc-accept-encoding"): accepted = AcceptedEncodings(value)
        default:
            if metadata.isEmpty { metadata.reserve(256) }
            metadata.append(name, value)
        }
    }

    private mutating func receivePseudo(
        _ name: Span<UInt8>, _ value: Span<UInt8>, _ router: Router
    ) {
        switch name.count {
        case 5 where name.equals(":path"):
            route = router.find(value)
            if route == nil && value.isVisibleASCII { unknownPath = String(value) }
        case 7 where name.equals(":method"):
            method =
                value.equals("POST")
                ? .post : value.equals("GET") ? .get : value.equals("HEAD") ? .head : .other
        default: break
        }
    }

    /// Everything that isn't HTTP's or gRPC's own; the head has it no longer.
    mutating func takeMetadata() -> HeaderFields {
        var taken = HeaderFields()
        swap(&taken, &metadata)
        return taken
    }

    func verdict(headersTooLarge: Bool, router: Router, peer: SocketAddress) -> Verdict {
        guard method == .post && isGRPC else {
            let response = plainResponse(headersTooLarge, router, peer)
            return .plain(method == .head ? response.withoutBody : response)
        }
        if headersTooLarge {
            return .refuse(RPCError(.resourceExhausted, "request headers are too large"))
        }
        guard let route else { return .refuse(unimplemented(router)) }
        if badTimeout { return .refuse(RPCError(.internalError, "malformed grpc-timeout")) }
        if encoding == nil {
            return .refuse(RPCError(.unimplemented, "grpc-encoding is not supported"))
        }
        return .call(route)
    }

    private func unimplemented(_ router: Router) -> RPCError {
        guard let path = unknownPath else { return RPCError(.unimplemented, "unknown service") }
        let what = router.knowsService(of: path) ? "method" : "service"
        return RPCError(.unimplemented, "unknown \(what): \(path.prefix(200))")
    }

    private func plainResponse(
        _ headersTooLarge: Bool, _ router: Router, _ peer: SocketAddress
    ) -> PlainResponse {
        if headersTooLarge { return .headersTooLarge }
        let resource = unknownPath.flatMap { router.resource($0, for: peer) }
        switch (method, resource) {
        case (.get, let resource?), (.head, let resource?): return PlainResponse(resource)
        case (_, .some): return .resourceMethodNotAllowed
        case (.post, nil): return .unsupportedMediaType
        case (.get, nil), (.head, nil): return route == nil ? .notFound : .methodNotAllowed
        case (.other, nil): return .methodNotAllowed
        }
    }

    /// `application/grpc`, also with `+proto` or a parameter.
    private static func isGRPC(_ value: Span<UInt8>) -> Bool {
        guard value.count >= 16, value.extracting(0..<16).equals("application/grpc") else {
            return false
        }
        return value.count == 16 || value[16] == UInt8(ascii: "+") || value[16] == UInt8(ascii: ";")
    }
}

extension Span<UInt8> {
    /// Whether all bytes are 0x21...0x7e.
    fileprivate var isVisibleASCII: Bool {
        indices.allSatisfy { (0x21...0x7e).contains(self[$0]) }
    }
}
