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

typealias Frame = UnsafePointer<nghttp2_frame>

/// Hands over the session that the library keeps as its context. It is not retained for that: whoever
/// entered the library holds it, and twenty callbacks a call would count it up and down.
@inline(__always)
private func withSession(
    _ context: UnsafeMutableRawPointer?, _ body: (HTTP2Session) -> Void
) -> Int32 {
    guard let context = unsafe context else { return 0 }
    unsafe Unmanaged<HTTP2Session>.fromOpaque(context)._withUnsafeGuaranteedRef(body)
    return 0
}

/// The library resets the stream when it hears this.
private let giveUpStream = Int32(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)

private func beginHeaders(
    _: OpaquePointer?, _ frame: Frame?, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let frame = unsafe frame else { return 0 }
    var goesOn = true
    unsafe _ = withSession(context) { session in unsafe goesOn = session.headersBegin(frame) }
    return goesOn ? 0 : giveUpStream
}

private func header(
    _: OpaquePointer?, _: Frame?, _ name: UnsafePointer<UInt8>?, _ nameCount: Int,
    _ value: UnsafePointer<UInt8>?, _ valueCount: Int, _: UInt8,
    _ context: UnsafeMutableRawPointer?
) -> Int32 {
    let name = unsafe UnsafeBufferPointer(start: name, count: nameCount)
    let value = unsafe UnsafeBufferPointer(start: value, count: valueCount)
    var goesOn = true
    unsafe _ = withSession(context) { session in
        unsafe goesOn = session.received(header: name.span, value.span)
    }
    return goesOn ? 0 : giveUpStream
}

private func frameReceived(
    _: OpaquePointer?, _ frame: Frame?, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let frame = unsafe frame else { return 0 }
    return unsafe withSession(context) { session in unsafe session.received(frame) }
}

private func frameRefused(
    _: OpaquePointer?, _ frame: Frame?, _ error: Int32, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let frame = unsafe frame else { return 0 }
    return unsafe withSession(context) { session in unsafe session.refused(frame, error) }
}

private func dataReceived(
    _: OpaquePointer?, _: UInt8, _ id: Int32, _ bytes: UnsafePointer<UInt8>?, _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int32 {
    let bytes = unsafe UnsafeBufferPointer(start: bytes, count: count)
    return unsafe withSession(context) { session in unsafe session.received(data: bytes.span, id) }
}

private func frameSent(
    _: OpaquePointer?, _ frame: Frame?, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let frame = unsafe frame else { return 0 }
    return unsafe withSession(context) { session in unsafe session.sent(frame) }
}

private func frameNotSent(
    _: OpaquePointer?, _ frame: Frame?, _ error: Int32, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let frame = unsafe frame else { return 0 }
    return unsafe withSession(context) { session in unsafe session.notSent(frame, error) }
}

private func streamClosed(
    _: OpaquePointer?, _ id: Int32, _ code: UInt32, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    unsafe withSession(context) { $0.closed(id, HTTP2ErrorCode(rawValue: code)) }
}

/// Moves a stream's queued bytes into a DATA frame, and ends it as it was told.
func readBody(
    _: OpaquePointer?, _: Int32, _ buffer: UnsafeMutablePointer<UInt8>?, _ length: Int,
    _ flags: UnsafeMutablePointer<UInt32>?, _ source: UnsafeMutablePointer<nghttp2_data_source>?,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let context = unsafe context, let flags = unsafe flags,
        let owner = unsafe source?.pointee.ptr
    else { return Int(giveUpStream) }
    let room = unsafe UnsafeMutableRawBufferPointer(start: buffer, count: length)
    let stream = unsafe Unmanaged<HTTP2Stream>.fromOpaque(owner).takeUnretainedValue()
    return unsafe Unmanaged<HTTP2Session>.fromOpaque(context)._withUnsafeGuaranteedRef { session in
        unsafe session.moveBody(of: stream, into: room, &flags.pointee)
    }
}
