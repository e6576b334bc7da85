#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(CLINUX_READ == EPOLLIN && CLINUX_WRITE == EPOLLOUT, "epoll flags");
_Static_assert(CLINUX_ERROR == EPOLLERR && CLINUX_HANGUP == EPOLLHUP, "epoll flags");
_Static_assert(CLINUX_PEER_CLOSED == EPOLLRDHUP, "epoll flags");

static int outcome(int result) { return result < 0 ? -errno : result; }

int clinux_epoll_create(void) { return outcome(epoll_create1(EPOLL_CLOEXEC)); }

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return outcome(epoll_ctl(epoll, operation, fd, &event));
}

int clinux_epoll_add(int epoll, int fd, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_ADD, fd, events, token);
}

int clinux_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_MOD, fd, events, token);
}

int clinux_epoll_remove(int epoll, int fd) {
    return control(epoll, EPOLL_CTL_DEL, fd, 0, 0);
}

int clinux_epoll_wait(int epoll, clinux_event *events, int capacity, int milliseconds) {
    struct epoll_event raw[256];
    int count = epoll_wait(epoll, raw, capacity < 256 ? capacity : 256, milliseconds);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        events[i].token = raw[i].data.u64;
        events[i].events = raw[i].events;
    }
    return count;
}

int clinux_eventfd(void) { return outcome(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int clinux_eventfd_add(int fd) { return outcome(eventfd_write(fd, 1)); }

int clinux_eventfd_drain(int fd) {
    eventfd_t value;
    return outcome(eventfd_read(fd, &value));
}

int clinux_accept(int fd, void *address, uint32_t *length) {
    return outcome(accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int clinux_pidfd_open(int pid) { return outcome((int)syscall(SYS_pidfd_open, pid, 0)); }

int clinux_signalfd(const int *signals, size_t count) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++) sigaddset(&set, signals[i]);
    return outcome(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

int clinux_signalfd_read(int fd) {
    struct signalfd_siginfo info;
    ssize_t size = read(fd, &info, sizeof info);
    if (size == sizeof info) return (int)info.ssi_signo;
    return size < 0 && errno != EAGAIN ? -errno : 0;
}

uint64_t clinux_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void clinux_name_thread(const char *name) {
    char cut[16] = {0};
    for (int i = 0; i < 15 && name[i]; i++) cut[i] = name[i];
    pthread_setname_np(pthread_self(), cut);
}

enum { SIGNAL_STACK_BYTES = 64 * 1024 };

void *clinux_add_signal_stack(void) {
    stack_t present;
    if (sigaltstack(NULL, &present) != 0 || !(present.ss_flags & SS_DISABLE)) return NULL;
    void *memory = malloc(SIGNAL_STACK_BYTES);
    stack_t added = {.ss_sp = memory, .ss_size = SIGNAL_STACK_BYTES};
    if (!memory || sigaltstack(&added, NULL) == 0) return memory;
    free(memory);
    return NULL;
}

void clinux_remove_signal_stack(void *stack) {
    if (!stack) return;
    stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL);
    free(stack);
}

int clinux_inotify(void) { return outcome(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)); }

int clinux_inotify_watch_folder(int fd, const char *path) {
    uint32_t changes = IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF |
                       IN_MOVE_SELF | IN_ONLYDIR;
    return outcome(inotify_add_watch(fd, path, changes));
}

void clinux_inotify_drain(int fd) {
    char events[4096];
    while (read(fd, events, sizeof events) > 0) {}
}
