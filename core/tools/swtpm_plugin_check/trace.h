/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_PLUGIN_CHECK_TRACE_H
#define TOOLS_SWTPM_PLUGIN_CHECK_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Runs a function in a child process and watches its system calls (ptrace(2)): to see them, to end
 * the process at one of them, to make one fail, or to cut a write short.
 *
 * The child says by trace_watch which part of its life is watched.
 */

struct system_call {
    pid_t thread;
    uint64_t number; /* SYS_xxx */
    uint64_t arguments[6];
    int64_t result; /* on return: a value, or a negated errno */
};

enum trace_verdict {
    TRACE_CONTINUE,
    TRACE_KILL, /* with SIGKILL, instead of the call, or when it has returned */
    TRACE_FAIL, /* on entry: the call does not happen and returns -1 with *error_number */
    TRACE_HALVE /* on entry: the call's third argument, a size, is halved */
};

struct trace {
    /* Before a watched call; `error_number` is for TRACE_FAIL. */
    enum trace_verdict (*on_entry)(void *context, const struct system_call *call,
                                   int *error_number);
    /* After it; NULL if that is of no interest.  TRACE_CONTINUE or TRACE_KILL. */
    enum trace_verdict (*on_return)(void *context, const struct system_call *call);
    void *context;
};

/* Runs body(body_context) in a child to its end.  Its wait status; fails the check if the child
 * cannot be traced. */
int trace_run(void (*body)(void *context), void *body_context, const struct trace *trace);

/* For the child: what follows is watched, or not.  Not watched at first. */
void trace_watch(bool watched);

/* Skips the check where a process may not trace its child. */
void trace_needed(void);

/* Copies a string of the traced process; cut off to `size`, empty if there is none. */
void trace_read_string(pid_t thread, uint64_t address, char *text, size_t size);

/* "openat"; a decimal number, until the next call, if this processor has no name for it. */
const char *system_call_name(uint64_t number);

#endif
