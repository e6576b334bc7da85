internal import CNghttp2

// What the library tells of the peer, by way of `Callbacks`.
extension HTTP2Session {
    /// - Returns: False when nobody takes the stream.
    func headersBegin(_ frame: Frame) -> Bool {
        let id = unsafe frame.pointee.hd.stream_id
        if unsafe role == .server && frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
            guard let stream = handler?.makeStream() else { return false }
            stream.id = id
            add(stream)
            unsafe headerStream = Unmanaged.passUnretained(stream)
            unsafe _ = nghttp2_session_set_stream_user_data(
                raw, id, Unmanaged.passUnretained(stream).toOpaque())
        } else if let stream = stream(id) {
            stream.headerBytes = 0
            stream.headerCount = 0
            unsafe headerStream = Unmanaged.passUnretained(stream)
        } else {
            unsafe headerStream = nil
        }
        return true
    }

    /// RFC 7541 lets 16 KB of frames swell to megabytes of fields: they are counted as they come.
    ///
    /// - Returns: False when the stream, and the connection with it, is given up.
    func received(header name: Span<UInt8>, _ value: Span<UInt8>) -> Bool {
        guard let headerStream = unsafe headerStream else { return true }
        return unsafe headerStream._withUnsafeGuaranteedRef { stream in
            stream.headerBytes += name.count + value.count + HeaderFields.overhead
            stream.headerCount += 1
            guard
                stream.headerBytes <= configuration.maxHeaderListBytes
                    && stream.headerCount <= configuration.maxHeaderFields
            else { return headersTooLarge(stream) }
            stream.received(header: name, value)
            return true
        }
    }

    private func headersTooLarge(_ stream: HTTP2Stream) -> Bool {
        if !stream.headersTooLarge { handler?.hit(.headerList) }
        stream.headersTooLarge = true
        let limit = configuration.maxHeaderListBytes * HTTP2Configuration.grosslyTooLarge
        guard stream.headerBytes > limit else { return true }
        terminate(.enhanceYourCalm)
        return false
    }

    func received(_ frame: Frame) {
        let kind = unsafe UInt32(frame.pointee.hd.type)
        let flags = unsafe UInt32(frame.pointee.hd.flags)
        switch kind {
        case NGHTTP2_HEADERS.rawValue, NGHTTP2_DATA.rawValue:
            guard let stream = unsafe stream(frame.pointee.hd.stream_id) else { return }
            if kind == NGHTTP2_HEADERS.rawValue {
                let trailers = unsafe frame.pointee.headers.cat == NGHTTP2_HCAT_HEADERS
                if !trailers && role == .server {
                    // What was over the limit is not kept.
                    stream.requestHeaderBytes = min(
                        stream.headerBytes, configuration.maxHeaderListBytes)
                    books.addReceived(stream.requestHeaderBytes)
                }
                stream.receivedHeaders(trailers: trailers)
            }
            if flags & NGHTTP2_FLAG_END_STREAM.rawValue != 0 && !stream.remoteEnded {
                stream.remoteEnded = true
                stream.receivedEnd()
            }
        case NGHTTP2_GOAWAY.rawValue:
            let code = unsafe HTTP2ErrorCode(rawValue: frame.pointee.goaway.error_code)
            unsafe handler?.receivedGoAway(code, reason: Self.debugText(of: frame))
        case NGHTTP2_SETTINGS.rawValue where flags & NGHTTP2_FLAG_ACK.rawValue == 0:
            handler?.receivedSettings()
        case NGHTTP2_PING.rawValue where flags & NGHTTP2_FLAG_ACK.rawValue != 0:
            let payload = unsafe withUnsafeBytes(of: frame.pointee.ping.opaque_data) {
                unsafe $0.loadUnaligned(as: UInt64.self)
            }
            handler?.receivedPong(payload)
        default: break
        }
    }

    /// The beginning of a GOAWAY's debug data (RFC 9113 §6.8), for people and for gRPC's
    /// `too_many_pings`.
    private static func debugText(of frame: Frame) -> String {
        let bytes = unsafe UnsafeBufferPointer(
            start: frame.pointee.goaway.opaque_data,
            count: min(frame.pointee.goaway.opaque_data_len, 128))
        return unsafe String(
            decoding: bytes.lazy.filter { (0x20...0x7e).contains($0) }, as: UTF8.self)
    }

    func received(data bytes: Span<UInt8>, _ id: Int32) {
        guard let stream = stream(id) else {
            unsafe _ = nghttp2_session_consume(raw, id, bytes.count)
            return
        }
        received(stream, bytes.count)
        stream.received(data: bytes)
    }

    func closed(_ id: Int32, _ code: HTTP2ErrorCode) {
        guard let stream = stream(id) else { return }
        if stream.remoteEnded { meter?.closedStreams.closed(id) }
        remove(stream, code)
    }

    /// A stream over the limit: the library answers it with REFUSED_STREAM (RFC 9113 §5.1.2), or
    /// ends the connection when the peer knows the limit.
    func refused(_ frame: Frame, _ error: Int32) {
        guard unsafe frame.pointee.hd.type == NGHTTP2_HEADERS.rawValue else { return }
        let isFull = streamCount >= configuration.maxConcurrentStreams
        if error == NGHTTP2_ERR_REFUSED_STREAM.rawValue
            || (error == NGHTTP2_ERR_PROTO.rawValue && isFull)
        {
            handler?.hit(.concurrentStreams)
        }
    }
}
