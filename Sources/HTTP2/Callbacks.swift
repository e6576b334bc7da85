internal import CNghttp2

/// Owns an `nghttp2_session_callbacks`, which is only needed to make a session: it is copied.
@safe
final class SessionCallbacks {
    let raw: OpaquePointer

    init() throws(HTTP2Error) {
        var callbacks: OpaquePointer?
        try HTTP2Session.check(unsafe nghttp2_session_callbacks_new(&callbacks))
        guard let callbacks = unsafe callbacks else { throw HTTP2Session.error(0) }
        unsafe raw = callbacks
        unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(raw, beginHeaders)
        unsafe nghttp2_session_callbacks_set_on_header_callback(raw, header)
        unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(raw, frameReceived)
        unsafe nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(raw, frameRefused)
        unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(raw, dataReceived)
        unsafe nghttp2_session_callbacks_set_on_frame_send_callback(raw, frameSent)
        unsafe nghttp2_session_callbacks_set_on_frame_not_send_callback(raw, frameNotSent)
        unsafe nghttp2_session_callbacks_set_on_stream_close_callback(raw, streamClosed)
    }

    deinit { unsafe nghttp2_session_callbacks_del(raw) }
}

private typealias Frame = UnsafePointer<nghttp2_frame>

private func session(_ context: UnsafeMutableRawPointer?) -> HTTP2Session? {
    guard let context = unsafe context else { return nil }
    return unsafe Unmanaged<HTTP2Session>.fromOpaque(context).takeUnretainedValue()
}

private func isTrailers(_ frame: Frame, _ session: HTTP2Session) -> Bool {
    unsafe frame.pointee.headers.cat == NGHTTP2_HCAT_HEADERS
}

private func beginHeaders(
    _ raw: OpaquePointer?, _ frame: Frame?, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let session = unsafe session(context), let frame = unsafe frame else { return 0 }
    if unsafe session.role == .server && frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
        guard let stream = session.handler?.makeStream() else {
            return Int32(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
        }
        stream.id = unsafe frame.pointee.hd.stream_id
        session.add(stream)
        session.headerStream = stream
        unsafe _ = nghttp2_session_set_stream_user_data(
            raw, stream.id, Unmanaged.passUnretained(stream).toOpaque())
    } else if let stream = unsafe session.stream(frame.pointee.hd.stream_id) {
        stream.headerBytes = 0
        stream.headerCount = 0
        session.headerStream = stream
    } else {
        session.headerStream = nil
    }
    return 0
}

/// RFC 7541 lets 16 KB of frames swell to megabytes of fields: they are counted as they come.
private func header(
    _ raw: OpaquePointer?, _ frame: Frame?, _ name: UnsafePointer<UInt8>?, _ nameCount: Int,
    _ value: UnsafePointer<UInt8>?, _ valueCount: Int, _ flags: UInt8,
    _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let session = unsafe session(context), let stream = session.headerStream else { return 0 }
    stream.headerBytes += nameCount + valueCount + 32
    stream.headerCount += 1
    let limit = session.configuration.maxHeaderListBytes
    if stream.headerBytes > limit
        || stream.headerCount > session.configuration.maxHeaderFields
    {
        if !stream.headersTooLarge { session.handler?.hit(.headerList) }
        stream.headersTooLarge = true
        guard stream.headerBytes > limit * HTTP2Configuration.grosslyTooLarge else { return 0 }
        session.terminate(.enhanceYourCalm)
        return Int32(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    }
    let name = unsafe UnsafeBufferPointer(start: name, count: nameCount)
    let value = unsafe UnsafeBufferPointer(start: value, count: valueCount)
    unsafe stream.received(header: name.span, value.span)
    return 0
}

private func frameReceived(
    _ raw: OpaquePointer?, _ frame: Frame?, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let session = unsafe session(context), let frame = unsafe frame else { return 0 }
    let kind = unsafe UInt32(frame.pointee.hd.type)
    let flags = unsafe UInt32(frame.pointee.hd.flags)
    switch kind {
    case NGHTTP2_HEADERS.rawValue, NGHTTP2_DATA.rawValue:
        guard let stream = unsafe session.stream(frame.pointee.hd.stream_id) else { return 0 }
        if kind == NGHTTP2_HEADERS.rawValue {
            let trailers = unsafe isTrailers(frame, session)
            if !trailers && session.role == .server {
                // What was over the limit is not kept.
                stream.requestHeaderBytes = min(
                    stream.headerBytes, session.configuration.maxHeaderListBytes)
                session.books.addReceived(stream.requestHeaderBytes)
            }
            stream.receivedHeaders(trailers: trailers)
        }
        if flags & NGHTTP2_FLAG_END_STREAM.rawValue != 0 && !stream.remoteEnded {
            stream.remoteEnded = true
            stream.receivedEnd()
        }
    case NGHTTP2_GOAWAY.rawValue:
        let code = unsafe HTTP2ErrorCode(rawValue: frame.pointee.goaway.error_code)
        unsafe session.handler?.receivedGoAway(code, reason: debugText(of: frame))
    case NGHTTP2_SETTINGS.rawValue where flags & NGHTTP2_FLAG_ACK.rawValue == 0:
        session.handler?.receivedSettings()
    case NGHTTP2_PING.rawValue where flags & NGHTTP2_FLAG_ACK.rawValue != 0:
        let payload = unsafe withUnsafeBytes(of: frame.pointee.ping.opaque_data) {
            unsafe $0.loadUnaligned(as: UInt64.self)
        }
        session.handler?.receivedPong(payload)
    default: break
    }
    return 0
}

/// The beginning of a GOAWAY's debug data (RFC 9113 §6.8), for people and for gRPC's
/// `too_many_pings`.
private func debugText(of frame: Frame) -> String {
    let bytes = unsafe UnsafeBufferPointer(
        start: frame.pointee.goaway.opaque_data,
        count: min(frame.pointee.goaway.opaque_data_len, 128))
    return unsafe String(
        decoding: bytes.lazy.filter { (0x20...0x7e).contains($0) }, as: UTF8.self)
}

private func dataReceived(
    _ raw: OpaquePointer?, _ flags: UInt8, _ id: Int32, _ bytes: UnsafePointer<UInt8>?,
    _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let session = unsafe session(context) else { return 0 }
    guard let stream = session.stream(id) else {
        unsafe _ = nghttp2_session_consume(raw, id, count)
        return 0
    }
    session.received(stream, count)
    unsafe stream.received(data: UnsafeBufferPointer(start: bytes, count: count).span)
    return 0
}

private func streamClosed(
    _ raw: OpaquePointer?, _ id: Int32, _ code: UInt32, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let session = unsafe session(context), let stream = session.stream(id) else { return 0 }
    if stream.remoteEnded { session.meter?.closedStreams.closed(id) }
    session.remove(stream, HTTP2ErrorCode(rawValue: code))
    return 0
}

/// A stream over the limit: the library answers it with REFUSED_STREAM (RFC 9113 §5.1.2), or ends the
/// connection when the peer knows the limit.
private func frameRefused(
    _ raw: OpaquePointer?, _ frame: Frame?, _ error: Int32, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let session = unsafe session(context), let frame = unsafe frame else { return 0 }
    guard unsafe frame.pointee.hd.type == NGHTTP2_HEADERS.rawValue else { return 0 }
    let isFull = session.streamCount >= session.configuration.maxConcurrentStreams
    if error == NGHTTP2_ERR_REFUSED_STREAM.rawValue
        || (error == NGHTTP2_ERR_PROTO.rawValue && isFull)
    {
        session.handler?.hit(.concurrentStreams)
    }
    return 0
}

/// The library resets the stream whose window SETTINGS made overflow; RFC 9113 §6.9.2 wants the
/// connection ended, and a peer that can't count is not worth telling the cases apart.
private func resetSent(_ frame: Frame, _ session: HTTP2Session) {
    if unsafe frame.pointee.hd.type == NGHTTP2_RST_STREAM.rawValue
        && frame.pointee.rst_stream.error_code == NGHTTP2_FLOW_CONTROL_ERROR.rawValue
    {
        session.terminate(.flowControlError)
    }
}

/// A server that is done before its client tells it so (RFC 9113 §8.1); a client's request that
/// leaves.
private func frameSent(
    _ raw: OpaquePointer?, _ frame: Frame?, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let session = unsafe session(context), let frame = unsafe frame else { return 0 }
    if session.role == .client {
        if unsafe frame.pointee.hd.type == NGHTTP2_HEADERS.rawValue {
            unsafe session.stream(frame.pointee.hd.stream_id)?.requestLeft = true
        }
        return 0
    }
    unsafe resetSent(frame, session)
    let kind = unsafe UInt32(frame.pointee.hd.type)
    if kind == NGHTTP2_GOAWAY.rawValue && session.isCutOff { session.saidGoodbye = true }
    guard kind == NGHTTP2_HEADERS.rawValue || kind == NGHTTP2_DATA.rawValue else { return 0 }
    let ends = unsafe UInt32(frame.pointee.hd.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
    session.meter?.sent(endsStream: ends)
    guard ends, let stream = unsafe session.stream(frame.pointee.hd.stream_id) else { return 0 }
    stream.localEnded = true
    if !stream.remoteEnded && !stream.hearsOut { session.submitReset(stream, .noError) }
    return 0
}

/// A request that the peer's GOAWAY overtook, or that is too large for the library, never becomes a
/// stream: nobody else would tell it.
private func frameNotSent(
    _ raw: OpaquePointer?, _ frame: Frame?, _ error: Int32, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let session = unsafe session(context), let frame = unsafe frame,
        unsafe frame.pointee.hd.type == NGHTTP2_HEADERS.rawValue,
        unsafe frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
    else { return 0 }
    let id = unsafe frame.pointee.hd.stream_id
    guard let stream = session.streams.first(where: { $0.id == id }) else { return 0 }
    let overtaken = [NGHTTP2_ERR_START_STREAM_NOT_ALLOWED, NGHTTP2_ERR_SESSION_CLOSING].contains {
        $0.rawValue == error
    }
    session.remove(stream, overtaken ? .refusedStream : .internalError)
    return 0
}

/// Moves a stream's queued bytes into a DATA frame, and ends it as it was told.
func readBody(
    _ raw: OpaquePointer?, _ id: Int32, _ buffer: UnsafeMutablePointer<UInt8>?, _ length: Int,
    _ flags: UnsafeMutablePointer<UInt32>?, _ source: UnsafeMutablePointer<nghttp2_data_source>?,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let session = unsafe session(context), let flags = unsafe flags,
        let owner = unsafe source?.pointee.ptr
    else { return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue) }
    let stream = unsafe Unmanaged<HTTP2Stream>.fromOpaque(owner).takeUnretainedValue()
    let room = unsafe UnsafeMutableRawBufferPointer(start: buffer, count: length)
    let count = unsafe stream.output.read(into: room)
    if stream.output.isEmpty {
        switch stream.ending {
        case .open, .done:
            if count == 0 {
                stream.deferred = true
                return Int(NGHTTP2_ERR_DEFERRED.rawValue)
            }
        case .withData:
            unsafe flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
            stream.ending = .done
        case .withTrailers(let fixed, let fields):
            unsafe flags.pointee |=
                NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
            session.submitTrailers(stream, fixed, fields)
            stream.ending = .done
        }
    }
    if count > 0 {
        stream.sentBytes += count
        session.books.addUnsent(-count)
        session.meter?.sentData(count, isAll: stream.output.isEmpty)
        stream.sent(bytesLeft: stream.output.count)
    }
    return count
}
