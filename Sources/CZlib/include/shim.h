#pragma once
#include <zlib.h>

// Macros, which Swift does not import. 8 is zlib's own default of memory for compressing.

static inline int czlib_deflate_init(z_stream *stream, int window_bits) {
    return deflateInit2(
        stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
}

static inline int czlib_inflate_init(z_stream *stream, int window_bits) {
    return inflateInit2(stream, window_bits);
}
