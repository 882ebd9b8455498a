/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#include "tools/swtpm_plugin_check/check.h"
#include "tools/swtpm_plugin_check/trace_registers.h"

/* A number that no kernel has: the call does nothing but be seen. */
#define MARK 0x53575450L

enum {
    OPTIONS = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
              PTRACE_O_TRACEVFORK
};

struct tracer {
    const struct trace *trace;
    pid_t child;
    bool watched;
    bool kill_on_return;
    int fail_with;              /* errno for the call that was skipped; 0 if none was */
    struct system_call current; /* entered by the thread that stopped last */
};

void trace_watch(bool watched)
{
    syscall(MARK, (long)watched);
}

void trace_needed(void)
{
    pid_t child = fork();
    int status = -1;

    if (child == 0)
        _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        check_skip("this process may not trace a child (ptrace(2))");
}

void trace_read_string(pid_t thread, uint64_t address, char *text, size_t size)
{
    struct iovec to = {text, size - 1};
    struct iovec from = {(void *)(uintptr_t)address, size - 1}; // NOLINT
    ssize_t got = process_vm_readv(thread, &to, 1, &from, 1, 0);

    /* The end of a mapping may come before the end of the buffer. */
    if (got < 0) {
        size_t to_page_end = 4096 - address % 4096;
        from.iov_len = to_page_end < size - 1 ? to_page_end : size - 1;
        got = process_vm_readv(thread, &to, 1, &from, 1, 0);
    }
    text[got > 0 ? got : 0] = '\0';
}

static void enter(struct tracer *tracer, const struct ptrace_syscall_info *info, pid_t thread)
{
    int error_number = 0;

    tracer->current = (struct system_call){.thread = thread, .number = info->entry.nr};
    memcpy(tracer->current.arguments, info->entry.args, sizeof tracer->current.arguments);
    tracer->fail_with = 0;
    if (info->entry.nr == MARK)
        tracer->watched = info->entry.args[0] != 0;
    if (info->entry.nr == MARK || !tracer->watched)
        return;
    switch (tracer->trace->on_entry(tracer->trace->context, &tracer->current, &error_number)) {
    case TRACE_CONTINUE:
        break;
    case TRACE_KILL:
        kill(tracer->child, SIGKILL);
        break;
    case TRACE_FAIL:
        check_that(trace_registers_skip_call(thread) == 0, "ptrace: %s", strerror(errno));
        tracer->fail_with = error_number;
        break;
    case TRACE_HALVE:
        check_that(trace_registers_set_third_argument(thread, info->entry.args[2] / 2) == 0,
                   "ptrace: %s", strerror(errno));
        tracer->kill_on_return = true;
        break;
    }
}

static void leave(struct tracer *tracer, const struct ptrace_syscall_info *info, pid_t thread)
{
    if (tracer->current.number == MARK || !tracer->watched || tracer->current.thread != thread)
        return;
    tracer->current.result = info->exit.rval;
    if (tracer->fail_with != 0) {
        tracer->current.result = -tracer->fail_with;
        check_that(trace_registers_set_result(thread, -tracer->fail_with) == 0, "ptrace: %s",
                   strerror(errno));
        tracer->fail_with = 0;
    }
    bool killed = tracer->kill_on_return;
    if (!killed && tracer->trace->on_return != NULL)
        killed = tracer->trace->on_return(tracer->trace->context, &tracer->current) == TRACE_KILL;
    if (killed)
        kill(tracer->child, SIGKILL);
}

static void at_system_call(struct tracer *tracer, pid_t thread)
{
    struct ptrace_syscall_info info;

    /* The process may have been killed meanwhile; waitpid tells that next. */
    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
        enter(tracer, &info, thread);
    else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
        leave(tracer, &info, thread);
}

/* The signal to deliver when the thread goes on. */
static int at_stop(struct tracer *tracer, pid_t thread, int status)
{
    int signal_number = WSTOPSIG(status);

    if (signal_number == (SIGTRAP | 0x80))
        at_system_call(tracer, thread);
    /* New threads begin with a SIGSTOP; clone and fork of a thread stop it with a SIGTRAP. */
    if (signal_number == (SIGTRAP | 0x80) || signal_number == SIGTRAP || signal_number == SIGSTOP)
        return 0;
    return signal_number;
}

static int follow(struct tracer *tracer)
{
    for (;;) {
        int status;
        pid_t thread = waitpid(-1, &status, __WALL);
        if (thread < 0 && errno == EINTR)
            continue;
        check_that(thread > 0, "waitpid: %s", strerror(errno));
        if (thread == tracer->child && (WIFEXITED(status) || WIFSIGNALED(status)))
            return status;
        if (!WIFSTOPPED(status))
            continue;
        int signal_number = at_stop(tracer, thread, status);
        ptrace(PTRACE_SYSCALL, thread, NULL, (void *)(intptr_t)signal_number);
    }
}

int trace_run(void (*body)(void *context), void *body_context, const struct trace *trace)
{
    struct tracer tracer = {.trace = trace, .child = fork()};
    int status;

    check_that(tracer.child >= 0, "fork: %s", strerror(errno));
    if (tracer.child == 0) {
        check_that(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0, "ptrace: %s", strerror(errno));
        raise(SIGSTOP);
        body(body_context);
        _exit(0);
    }
    check_that(waitpid(tracer.child, &status, 0) == tracer.child, "waitpid: %s", strerror(errno));
    if (!WIFSTOPPED(status))
        return status;
    check_that(ptrace(PTRACE_SETOPTIONS, tracer.child, NULL, (void *)(intptr_t)OPTIONS) == 0 &&
                   ptrace(PTRACE_SYSCALL, tracer.child, NULL, NULL) == 0,
               "ptrace: %s", strerror(errno));
    return follow(&tracer);
}
