public import GRPC
public import Protobuf

extension RPCError {
    /// INVALID_ARGUMENT with the field in a `google.rpc.BadRequest`.
    public init(invalidRequest error: DecodingError) {
        let violation = GoogleRpc.BadRequest.FieldViolation(
            field: error.path, description: error.message)
        let status = GoogleRpc.Status(
            code: Int32(RPCStatusCode.invalidArgument.rawValue),
            message: RPCError.fitting("\(error)"),
            details: [
                GoogleProtobuf.AnyMessage(
                    packing: GoogleRpc.BadRequest(fieldViolations: [violation]))
            ])
        self.init(.invalidArgument, status.message, details: status.encoded())
    }
}

extension Message {
    /// Decodes what a client sent.
    ///
    /// - Throws: ``RPCError`` that tells the client what is wrong.
    init(request bytes: [UInt8]) throws(RPCError) {
        do {
            try self.init(decoding: bytes, limits: .request(bytes: bytes.count))
        } catch {
            throw RPCError(invalidRequest: error)
        }
    }

    /// Decodes what a server answered.
    ///
    /// - Throws: ``RPCError`` INTERNAL, as every gRPC client says it.
    init(response bytes: [UInt8]) throws(RPCError) {
        do {
            try self.init(decoding: bytes, limits: .transported)
        } catch {
            throw RPCError(.internalError, "the server's answer does not decode: \(error)")
        }
    }
}
