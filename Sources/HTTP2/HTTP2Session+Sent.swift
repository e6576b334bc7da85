internal import CNghttp2

// What the library tells of our own frames, by way of `Callbacks`.
extension HTTP2Session {
    /// A server that is done before its client tells it so (RFC 9113 §8.1); a client's request that
    /// leaves.
    func sent(_ frame: Frame) {
        if role == .client {
            if unsafe frame.pointee.hd.type == NGHTTP2_HEADERS.rawValue {
                unsafe stream(frame.pointee.hd.stream_id)?.requestLeft = true
            }
            return
        }
        unsafe sentReset(frame)
        let kind = unsafe UInt32(frame.pointee.hd.type)
        if kind == NGHTTP2_GOAWAY.rawValue && isCutOff { saidGoodbye = true }
        guard kind == NGHTTP2_HEADERS.rawValue || kind == NGHTTP2_DATA.rawValue else { return }
        let ends = unsafe UInt32(frame.pointee.hd.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
        let ended = unsafe ends ? stream(frame.pointee.hd.stream_id) : nil
        meter?.sent(endsStream: ended?.remoteEnded == false)
        guard let stream = ended else { return }
        stream.localEnded = true
        if !stream.remoteEnded && !stream.hearsOut { submitReset(stream, .noError) }
    }

    /// The library resets the stream whose window SETTINGS made overflow; RFC 9113 §6.9.2 wants the
    /// connection ended, and a peer that can't count is not worth telling the cases apart.
    private func sentReset(_ frame: Frame) {
        guard unsafe frame.pointee.hd.type == NGHTTP2_RST_STREAM.rawValue else { return }
        switch unsafe frame.pointee.rst_stream.error_code {
        case NGHTTP2_FLOW_CONTROL_ERROR.rawValue: terminate(.flowControlError)
        case NGHTTP2_PROTOCOL_ERROR.rawValue, NGHTTP2_STREAM_CLOSED.rawValue,
            NGHTTP2_INTERNAL_ERROR.rawValue:
            // CVE-2025-8671: who has us reset its streams needn't do so itself.
            if meter?.sentReset(at: lastHeard) == false { cutOff(.streamResets) }
        default: break
        }
    }

    /// A request that the peer's GOAWAY overtook, or that is too large for the library, never becomes
    /// a stream: nobody else would tell it.
    func notSent(_ frame: Frame, _ error: Int32) {
        guard unsafe frame.pointee.hd.type == NGHTTP2_HEADERS.rawValue,
            unsafe frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
        else { return }
        let id = unsafe frame.pointee.hd.stream_id
        guard let stream = streams.first(where: { $0.id == id }) else { return }
        let overtaken = [NGHTTP2_ERR_START_STREAM_NOT_ALLOWED, NGHTTP2_ERR_SESSION_CLOSING].contains
        {
            $0.rawValue == error
        }
        remove(stream, overtaken ? .refusedStream : .internalError)
    }

    private func waitForData(of stream: HTTP2Stream) -> Int {
        stream.deferred = true
        return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    }

    /// Moves a stream's queued bytes into a DATA frame, and ends it as it was told.
    ///
    /// - Returns: How many bytes, or what the library is to do instead.
    func moveBody(
        of stream: HTTP2Stream, into room: UnsafeMutableRawBufferPointer, _ flags: inout UInt32
    ) -> Int {
        let count = unsafe stream.output.read(into: room)
        if stream.output.isEmpty {
            var ending = HTTP2Stream.Ending.done
            swap(&ending, &stream.ending)
            switch consume ending {
            case .open:
                stream.ending = .open
                if count == 0 { return waitForData(of: stream) }
            case .done:
                if count == 0 { return waitForData(of: stream) }
            case .withData: flags |= NGHTTP2_DATA_FLAG_EOF.rawValue
            case .withTrailers(let fixed, let fields):
                flags |=
                    NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
                submitTrailers(stream, fixed, fields)
            }
        }
        if count > 0 {
            stream.sentBytes += count
            books.addUnsent(-count, isPaced: stream.isPaced)
            meter?.sentData(count, isAll: stream.output.isEmpty)
            stream.sent(bytesLeft: stream.output.count)
        }
        return count
    }
}
