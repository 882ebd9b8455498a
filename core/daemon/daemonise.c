/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/daemonise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/exit_code.h"

/* The child ended without a word: a signal, most likely. */
static enum daemonise_role explain_silent_end(pid_t child, struct error *error)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        error_set(error, "the process ended before the device was ready: signal %d (%s)%s",
                  WTERMSIG(status), strsignal(WTERMSIG(status)),
                  WTERMSIG(status) == SIGSYS ? "; --seccomp action=log tells which system call the "
                                               "sandbox does not allow"
                                             : "");
    else
        error_set(error, "the process ended before the device was ready");
    return DAEMONISE_LOST;
}

static enum daemonise_role wait_for_report(int fd, pid_t child, int *exit_code,
                                           struct error *error)
{
    unsigned char byte;

    ssize_t got = TEMP_FAILURE_RETRY(read(fd, &byte, 1));
    close(fd);
    if (got != 1) {
        /* A child that lives but did not report must not go on behind a command that has failed. */
        kill(child, SIGTERM);
        return explain_silent_end(child, error);
    }
    *exit_code = byte;
    return DAEMONISE_PARENT;
}

enum daemonise_role daemonise(struct daemonise *daemonise, int *exit_code, struct error *error)
{
    int ends[2];

    daemonise->null_fd = (int)TEMP_FAILURE_RETRY(open("/dev/null", O_RDWR | O_CLOEXEC));
    if (daemonise->null_fd < 0 || pipe2(ends, O_CLOEXEC) != 0) {
        error_set(error, "cannot go into the background: %s", strerror(errno));
        return DAEMONISE_FAILED;
    }
    pid_t child = fork();
    if (child < 0) {
        error_set(error, "cannot go into the background: fork: %s", strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return DAEMONISE_FAILED;
    }
    if (child > 0) {
        close(ends[1]);
        return wait_for_report(ends[0], child, exit_code, error);
    }
    close(ends[0]);
    setsid();
    daemonise->report_fd = ends[1];
    return DAEMONISE_CHILD;
}

void daemonise_report(struct daemonise *daemonise, int exit_code, int keep_stderr)
{
    unsigned char byte = (unsigned char)exit_code;

    if (daemonise->report_fd < 0)
        return;
    if (exit_code == EXIT_CODE_OK) {
        /* dup3, since the sandbox is closed by then and does not allow dup2. */
        dup3(daemonise->null_fd, STDIN_FILENO, 0);
        dup3(daemonise->null_fd, STDOUT_FILENO, 0);
        if (!keep_stderr)
            dup3(daemonise->null_fd, STDERR_FILENO, 0);
    }
    /* A parent that was killed meanwhile needs no report. */
    ssize_t ignored = TEMP_FAILURE_RETRY(write(daemonise->report_fd, &byte, 1));
    (void)ignored;
    close(daemonise->report_fd);
    close(daemonise->null_fd);
    daemonise->report_fd = -1;
}
