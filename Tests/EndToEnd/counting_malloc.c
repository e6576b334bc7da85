// Preloaded: counts what a process takes from the heap, in a file that others may read (the path is in
// ALLOCATION_COUNTS): eight bytes, the number of blocks.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic uint64_t unmapped;
static _Atomic uint64_t *count = &unmapped;

// The allocator that the process was linked with. Looking it up may itself take a little memory.
#define LOOK_UP(name)                                             \
    do {                                                          \
        if (next) break;                                          \
        looks_up = 1;                                             \
        next = (__typeof__(next))dlsym(RTLD_NEXT, #name);         \
        looks_up = 0;                                             \
    } while (0)
static _Thread_local int looks_up;
static char spare[65536];
static _Atomic size_t spared;

static void *from_spare(size_t size) {
    size_t at = atomic_fetch_add(&spared, (size + 15) / 16 * 16);
    return at + size <= sizeof spare ? spare + at : NULL;
}

static int is_spare(void *block) {
    return (char *)block >= spare && (char *)block < spare + sizeof spare;
}

__attribute__((constructor)) static void share(void) {
    const char *path = getenv("ALLOCATION_COUNTS");
    int file = path ? open(path, O_RDWR) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) count = page;
    close(file);
}

static void one(void) { atomic_fetch_add_explicit(count, 1, memory_order_relaxed); }

void *malloc(size_t size) {
    static __typeof__(malloc) *next;
    if (looks_up) return from_spare(size);
    LOOK_UP(malloc);
    one();
    return next(size);
}

void *calloc(size_t number, size_t size) {
    static __typeof__(calloc) *next;
    if (looks_up) return from_spare(number * size);
    LOOK_UP(calloc);
    one();
    return next(number, size);
}

void *realloc(void *block, size_t size) {
    static __typeof__(realloc) *next;
    LOOK_UP(realloc);
    one();
    return next(block, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    static __typeof__(aligned_alloc) *next;
    LOOK_UP(aligned_alloc);
    one();
    return next(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    static __typeof__(posix_memalign) *next;
    LOOK_UP(posix_memalign);
    one();
    return next(block, alignment, size);
}

void free(void *block) {
    static __typeof__(free) *next;
    if (is_spare(block)) return;
    LOOK_UP(free);
    next(block);
}
