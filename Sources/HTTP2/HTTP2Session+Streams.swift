internal import CNghttp2

extension HTTP2Session {
    /// Opens a stream with a request; a client's. It waits in the library while the peer allows no
    /// more streams.
    ///
    /// - Parameter end: There is no body.
    /// - Throws: When the peer takes no more streams on this connection, or its ids are used up.
    public func request(
        _ stream: HTTP2Stream, _ fixed: FixedHeaders, _ fields: HeaderFields, end: Bool
    ) throws(HTTP2Error) {
        precondition(role == .client)
        if unsafe nghttp2_session_check_request_allowed(raw) == 0 {
            throw HTTP2Error(code: .peer, description: "no new streams on this connection")
        }
        add(stream)
        stream.headersSubmitted = true
        if end { stream.ending = .done }
        let context = unsafe Unmanaged.passUnretained(stream).toOpaque()
        let id = unsafe Self.withFields(fixed, fields) { fields, count in
            if end {
                return unsafe nghttp2_submit_request(raw, nil, fields, count, nil, context)
            }
            var provider = unsafe bodyProvider(of: stream)
            return unsafe nghttp2_submit_request(raw, nil, fields, count, &provider, context)
        }
        guard id > 0 else {
            drop(stream)
            throw Self.error(id)
        }
        stream.id = id
        needsOutput()
    }

    /// The stream with that id; nil when it is closed.
    public func stream(_ id: Int32) -> HTTP2Stream? {
        guard let context = unsafe nghttp2_session_get_stream_user_data(raw, id) else { return nil }
        return unsafe Unmanaged<HTTP2Stream>.fromOpaque(context).takeUnretainedValue()
    }

    func add(_ stream: HTTP2Stream) {
        stream.session = self
        stream.slot = streams.count
        streams.append(stream)
        streamsOpened += 1
        books.setStreams(streams.count)
        books.addUnsent(stream.output.count, isPaced: stream.isPaced)
    }

    /// Takes it from the list, in which the last one fills its place.
    private func drop(_ stream: HTTP2Stream) {
        let last = streams.removeLast()
        if last !== stream {
            streams[stream.slot] = last
            last.slot = stream.slot
        }
        books.setStreams(streams.count)
        books.addUnsent(-stream.output.count, isPaced: stream.isPaced)
        stream.output.removeAll()
        if unsafe headerStream?.toOpaque() == Unmanaged.passUnretained(stream).toOpaque() {
            unsafe headerStream = nil
        }
        stream.session = nil
        stream.isClosed = true
    }

    /// Ends the stream for good and tells it.
    func remove(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        guard stream.session === self else { return }
        drop(stream)
        unsafe _ = nghttp2_session_set_stream_user_data(raw, stream.id, nil)
        release(stream.unconsumed)
        stream.unconsumed = 0
        books.addReceived(-stream.requestHeaderBytes)
        stream.closed(code)
    }

    func submitResponse(
        _ stream: HTTP2Stream, _ fixed: FixedHeaders, _ fields: HeaderFields, end: Bool
    ) {
        unsafe _ = Self.withFields(fixed, fields) { fields, count in
            if end {
                return unsafe nghttp2_submit_response(raw, stream.id, fields, count, nil)
            }
            var provider = unsafe bodyProvider(of: stream)
            return unsafe nghttp2_submit_response(raw, stream.id, fields, count, &provider)
        }
        needsOutput()
    }

    func submitTrailers(_ stream: HTTP2Stream, _ fixed: FixedHeaders, _ fields: HeaderFields) {
        unsafe _ = Self.withFields(fixed, fields) { fields, count in
            unsafe nghttp2_submit_trailer(raw, stream.id, fields, count)
        }
    }

    func submitReset(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        unsafe _ = nghttp2_submit_rst_stream(raw, 0, stream.id, code.rawValue)
        needsOutput()
    }

    func resume(_ stream: HTTP2Stream) {
        unsafe _ = nghttp2_session_resume_data(raw, stream.id)
        needsOutput()
    }

    // MARK: Windows

    func received(_ stream: HTTP2Stream, _ count: Int) {
        stream.receivedBytes += count
        stream.unconsumed += count
        buffered += count
        books.addReceived(count)
        if buffered <= configuration.maxBufferedBytes && books.hasRoom {
            unsafe _ = nghttp2_session_consume_connection(raw, count)
        } else {
            withheld += count
        }
    }

    func consume(_ stream: HTTP2Stream, _ count: Int) {
        release(count)
        // Nothing more comes there: a window would be of no use.
        guard !stream.remoteEnded else { return }
        unsafe _ = nghttp2_session_consume_stream(raw, stream.id, count)
        needsOutput()
    }

    private func release(_ count: Int) {
        buffered -= count
        books.addReceived(-count)
        guard withheld > 0, buffered <= configuration.maxBufferedBytes / 2 else { return }
        unsafe _ = nghttp2_session_consume_connection(raw, withheld)
        withheld = 0
        needsOutput()
    }

    // MARK: Into the library's form

    private func bodyProvider(of stream: HTTP2Stream) -> nghttp2_data_provider {
        var provider = unsafe nghttp2_data_provider()
        unsafe provider.source.ptr = Unmanaged.passUnretained(stream).toOpaque()
        unsafe provider.read_callback = readBody
        return unsafe provider
    }

    private static func withFields(
        _ fixed: FixedHeaders, _ fields: HeaderFields,
        _ body: (UnsafePointer<nghttp2_nv>?, Int) -> Int32
    ) -> Int32 {
        let count = fixed.fields.count + fields.count
        return unsafe withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: count) { room in
            var index = 0
            // Text of the program itself: the library need not copy it.
            let kept =
                UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue)
                | UInt8(NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)
            while index < fixed.fields.count {
                let (name, value) = fixed.fields[index]
                unsafe room[index] = nghttp2_nv(
                    name: UnsafeMutablePointer(mutating: name.utf8Start),
                    value: UnsafeMutablePointer(mutating: value.utf8Start),
                    namelen: name.utf8CodeUnitCount, valuelen: value.utf8CodeUnitCount,
                    flags: kept)
                index += 1
            }
            guard !fields.isEmpty else { return unsafe body(room.baseAddress, index) }
            return unsafe fields.withPointers { name, value in
                unsafe room[index] = nghttp2_nv(
                    name: UnsafeMutablePointer(mutating: name.baseAddress),
                    value: UnsafeMutablePointer(mutating: value.baseAddress),
                    namelen: name.count, valuelen: value.count,
                    flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue))
                index += 1
            } then: {
                unsafe body(room.baseAddress, index)
            }
        }
    }
}
