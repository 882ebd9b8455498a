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
#include "util/log.h"

/* The child ended without a word: a signal, most likely. */
static int explain_silent_end(pid_t child)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        log_error("swtpm_cuse: the process ended before the device was ready: signal %d (%s)%s",
                  WTERMSIG(status), strsignal(WTERMSIG(status)),
                  WTERMSIG(status) == SIGSYS ? "; --seccomp action=log tells which system call the "
                                               "sandbox does not allow"
                                             : "");
    else
        log_error("swtpm_cuse: the process ended before the device was ready");
    return EXIT_CODE_FAILURE;
}

static int wait_for_report(int fd, pid_t child)
{
    unsigned char exit_code;
    ssize_t got;

    do
        got = read(fd, &exit_code, 1);
    while (got < 0 && errno == EINTR);
    close(fd);
    return got == 1 ? exit_code : explain_silent_end(child);
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
        *exit_code = wait_for_report(ends[0], child);
        return DAEMONISE_PARENT;
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
        /* dup3, since the sandbox is closed by then and has no dup2. */
        dup3(daemonise->null_fd, STDIN_FILENO, 0);
        dup3(daemonise->null_fd, STDOUT_FILENO, 0);
        if (!keep_stderr)
            dup3(daemonise->null_fd, STDERR_FILENO, 0);
    }
    /* A parent that was killed meanwhile needs no report. */
    ssize_t ignored = write(daemonise->report_fd, &byte, 1);
    (void)ignored;
    close(daemonise->report_fd);
    close(daemonise->null_fd);
    daemonise->report_fd = -1;
}
