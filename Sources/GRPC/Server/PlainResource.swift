/// Something that the server answers to plain HTTP: `GET` and `HEAD` of one path.
public struct PlainResource: Sendable {
    /// Where it is, without a query: `/metrics`. What a query says is passed over.
    public let path: String
    /// `text/plain; charset=utf-8`
    public let contentType: String
    /// Others than those on this machine hear 404.
    public let loopbackOnly: Bool
    /// Made anew for each request, on the connection's loop: it must not block.
    public let body: @Sendable () -> [UInt8]

    public init(
        path: String, contentType: String, loopbackOnly: Bool = false,
        body: @escaping @Sendable () -> [UInt8]
    ) {
        self.path = path
        self.contentType = contentType
        self.loopbackOnly = loopbackOnly
        self.body = body
    }

    /// What says that the process lives: it answers, so it does.
    static let health = PlainResource(path: "/healthz", contentType: "text/plain") {
        Array("ok\n".utf8)
    }
}
