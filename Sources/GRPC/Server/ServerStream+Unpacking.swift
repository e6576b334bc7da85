import HTTP2
import IO

/// Requests that came compressed.
extension ServerStream {
    /// - Parameter message: Pulled just now.
    func unpack(_ message: [UInt8]) -> ServerCallState.Pull {
        guard let format = encodings.request.format else {
            return refused(MessageDeframer.Failure.unexpectedCompression.rpcError)
        }
        let unpacking = Unpacking(
            message, format, maxMessageBytes: core.configuration.maxMessageBytes
        ) { [unowned self] in answerReader() }
        self.unpacking = unpacking
        core.unpackingLine(of: connection.loop).add(unpacking, of: ObjectIdentifier(connection))
        return pullUnpacked()
    }

    func pullUnpacked() -> ServerCallState.Pull {
        guard let unpacking, let outcome = unpacking.outcome else { return .wait }
        self.unpacking = nil
        let gate = connection.gate
        switch outcome {
        case .success(let unpacked):
            count(unpacked: unpacked.count, from: unpacking.packedBytes)
            return gate.refusalOfBytes().map { refused($0) } ?? .message(unpacked)
        case .failure(let error):
            if error.code == .resourceExhausted {
                gate.hit(.messageBytes)
                strike(.bombs, at: connection.loop.now)
            }
            return refused(error)
        }
    }

    private func refused(_ error: RPCError) -> ServerCallState.Pull {
        fail(error)
        return .fail(error)
    }

    func dropUnpacking() {
        unpacking?.cancel()
        unpacking = nil
    }
}
