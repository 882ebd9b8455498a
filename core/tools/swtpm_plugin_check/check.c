/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_FAILED = 101, EXIT_SKIPPED = 102 };

/* Where this process, a check or a child of one, says why it ends. */
static int reason_fd = -1;

__attribute__((format(printf, 2, 0))) static _Noreturn void end(int exit_status, const char *format,
                                                                va_list arguments)
{
    char text[CHECK_REASON_SIZE];
    int length = vsnprintf(text, sizeof text, format, arguments);

    if (length >= (int)sizeof text)
        length = sizeof text - 1;
    if (write(reason_fd, text, (size_t)length) != length)
        _exit(EXIT_FAILED);
    _exit(exit_status);
}

void check_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end(EXIT_FAILED, format, arguments);
}

void check_skip(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end(EXIT_SKIPPED, format, arguments);
}

void *check_shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check_that(memory != MAP_FAILED, "mmap: %s", strerror(errno));
    return memory;
}

void check_child_status(int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    if (WIFEXITED(status) &&
        (WEXITSTATUS(status) == EXIT_FAILED || WEXITSTATUS(status) == EXIT_SKIPPED))
        _exit(WEXITSTATUS(status)); /* the reason has been given */
    if (WIFEXITED(status))
        check_fail("the process was ended by exit(%d)", WEXITSTATUS(status));
    check_fail("the process was ended by signal %d (%s)", WTERMSIG(status),
               strsignal(WTERMSIG(status)));
}

void check_in_child(void (*body)(void *context), void *context)
{
    int status;
    pid_t child = fork();

    check_that(child >= 0, "fork: %s", strerror(errno));
    if (child == 0) {
        body(context);
        _exit(0);
    }
    while (waitpid(child, &status, 0) != child)
        check_that(errno == EINTR, "waitpid: %s", strerror(errno));
    check_child_status(status);
}

/* What is printed while the check runs goes into the file `output`. */
static _Noreturn void run_in_this_process(const struct check *check, const struct subject *subject,
                                          int output)
{
    setpgid(0, 0);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    close(output);
    check->run(subject);
    _exit(0);
}

static void read_reason(int fd, char reason[CHECK_REASON_SIZE])
{
    size_t used = 0;
    ssize_t got;

    while (used < CHECK_REASON_SIZE - 1 &&
           (got = read(fd, reason + used, CHECK_REASON_SIZE - 1 - used)) > 0)
        used += (size_t)got;
    reason[used] = '\0';
}

/* The pipe is at its end when every process of the check is gone. */
static bool wait_for_end(int fd, unsigned timeout_seconds)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    int ready;

    do
        ready = poll(&waiting, 1, (int)timeout_seconds * 1000);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

static enum check_outcome outcome_of(int status, char reason[CHECK_REASON_SIZE])
{
    if (WIFSIGNALED(status)) {
        snprintf(reason, CHECK_REASON_SIZE, "the process was ended by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
        return CHECK_FAILED;
    }
    if (WEXITSTATUS(status) == EXIT_SKIPPED)
        return CHECK_SKIPPED;
    if (WEXITSTATUS(status) == 0)
        return CHECK_PASSED;
    if (WEXITSTATUS(status) != EXIT_FAILED)
        snprintf(reason, CHECK_REASON_SIZE, "the process was ended by exit(%d)",
                 WEXITSTATUS(status));
    return CHECK_FAILED;
}

static enum check_outcome judge_output(int output, enum check_outcome outcome,
                                       char reason[CHECK_REASON_SIZE])
{
    char text[512];
    ssize_t length = pread(output, text, sizeof text - 1, 0);

    if (length <= 0)
        return outcome;
    text[length] = '\0';
    size_t used = strlen(reason);
    snprintf(reason + used, CHECK_REASON_SIZE - used, "%sit printed: %s", used > 0 ? "; " : "",
             text);
    return CHECK_FAILED;
}

static enum check_outcome watch(pid_t child, int reason_pipe, int output, unsigned timeout_seconds,
                                char reason[CHECK_REASON_SIZE])
{
    int status;
    bool ended = wait_for_end(reason_pipe, timeout_seconds);

    if (!ended)
        kill(-child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    /* What a killed check left running would keep the pipe open. */
    kill(-child, SIGKILL);
    read_reason(reason_pipe, reason);
    if (!ended) {
        snprintf(reason, CHECK_REASON_SIZE, "it did not end within %u seconds", timeout_seconds);
        return CHECK_FAILED;
    }
    return judge_output(output, outcome_of(status, reason), reason);
}

enum check_outcome check_run(const struct check *check, const struct subject *subject,
                             unsigned timeout_seconds, char reason[CHECK_REASON_SIZE])
{
    int reason_pipe[2];
    int output = memfd_create("swtpm-plugin-check", MFD_CLOEXEC);

    reason[0] = '\0';
    if (output < 0 || pipe2(reason_pipe, O_CLOEXEC) != 0) {
        snprintf(reason, CHECK_REASON_SIZE, "cannot run: %s", strerror(errno));
        return CHECK_FAILED;
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(reason_pipe[0]);
        reason_fd = reason_pipe[1];
        run_in_this_process(check, subject, output);
    }
    close(reason_pipe[1]);
    enum check_outcome outcome = watch(child, reason_pipe[0], output, timeout_seconds, reason);
    close(reason_pipe[0]);
    close(output);
    return outcome;
}
