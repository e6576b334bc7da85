#pragma once
#include <malloc.h>
#include <nghttp2/nghttp2.h>

/// What a block of malloc's has room for; the Glibc module lacks malloc.h.
static inline size_t cnghttp2_block_size(void *block) { return malloc_usable_size(block); }
