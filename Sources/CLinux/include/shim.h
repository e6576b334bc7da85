#pragma once
#include <stddef.h>
#include <stdint.h>

// What Swift's Glibc module leaves out. Each function answers a negative errno on failure.
// The definitions are in CLinux.c, so that no header here needs _GNU_SOURCE.

/// One ready descriptor. `token` is what was given when it was added.
typedef struct {
    uint64_t token;
    uint32_t events;
} clinux_event;

enum {
    CLINUX_READ = 1,
    CLINUX_WRITE = 4,
    CLINUX_ERROR = 8,
    CLINUX_HANGUP = 16,
    CLINUX_PEER_CLOSED = 0x2000,
};

int clinux_epoll_create(void);
int clinux_epoll_add(int epoll, int fd, uint32_t events, uint64_t token);
int clinux_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token);
int clinux_epoll_remove(int epoll, int fd);
/// At most 256 events; `milliseconds` below 0 waits for ever. Answers 0 when a signal came.
int clinux_epoll_wait(int epoll, clinux_event *events, int capacity, int milliseconds);

/// A non-blocking counter that starts at 0.
int clinux_eventfd(void);
int clinux_eventfd_add(int fd);
int clinux_eventfd_drain(int fd);

/// Non-blocking, closed on exec. `address` and `length` as for accept(2).
int clinux_accept(int fd, void *address, uint32_t *length);
/// A pidfd, closed on exec: readable when the process ends.
int clinux_pidfd_open(int pid);
/// Starts a program with no descriptor above 2, no blocked and no ignored signal. `input` and
/// `output` (for both of standard output and error) below 0 are nowhere; `detached` gives it a
/// session of its own. The arrays end with NULL.
int clinux_spawn(int *pid, const char *path, char *const arguments[], char *const environment[],
                 const char *directory, int input, int output, int detached);
/// A descriptor, non-blocking and closed on exec, that reads the signals in the list, which the
/// caller has blocked.
int clinux_signalfd(const int *signals, size_t count);
/// The next signal's number, 0 when there is none.
int clinux_signalfd_read(int fd);

/// CLOCK_MONOTONIC.
uint64_t clinux_monotonic_nanoseconds(void);
/// At most 15 bytes count.
void clinux_name_thread(const char *name);
/// Gives the calling thread a stack for its signal handlers, so that one of a crash runs also when the
/// thread's own is used up. NULL when it has one, or there is no memory.
void *clinux_add_signal_stack(void);
/// On the same thread. NULL does nothing.
void clinux_remove_signal_stack(void *stack);

/// A descriptor that becomes readable when something in a watched folder changes.
int clinux_inotify(void);
/// Files that are written, made, renamed into the folder or removed, and the folder's own end.
/// Watching one folder twice is watching it once.
int clinux_inotify_watch_folder(int fd, const char *path);
/// Forgets what has changed.
void clinux_inotify_drain(int fd);
