#define _GNU_SOURCE
#include "shim.h"

#include <execinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *process_commit(void) { return APUS_COMMIT; }

// jemalloc looks for this name. What was freed goes back to the system within half a second, by a
// thread of its own, also when nothing happens any more.
const char *malloc_conf = "background_thread:true,dirty_decay_ms:500,muzzy_decay_ms:0";

static void say(const char *text) {
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

// Only what is safe in a signal handler: backtrace() was called once before, so that it loads
// nothing now, and backtrace_symbols_fd() does not allocate.
static void report(int number, siginfo_t *info, void *context) {
    (void)info;
    (void)context;
    const char *name = sigabbrev_np(number);
    say("\napus crashed: SIG");
    say(name ? name : "?");
    say(", commit " APUS_COMMIT ". Stack (names: swift demangle):\n");
    void *frames[128];
    backtrace_symbols_fd(frames, backtrace(frames, 128), STDERR_FILENO);
    // SA_RESETHAND restored the default action.
    raise(number);
}

// The alternative stack is this thread's; loops have their own. A thread of Swift's pool has none: one
// that uses up its stack ends the process without a report.
void process_report_crashes(void) {
    static char stack[64 * 1024];
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternative, NULL);
    void *frame[1];
    backtrace(frame, 1);
    struct sigaction action = {.sa_sigaction = report};
    action.sa_flags = SA_SIGINFO | SA_RESETHAND | SA_NODEFER | SA_ONSTACK;
    const int signals[] = {SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}
