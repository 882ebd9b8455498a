/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_DAEMONISE_H
#define DAEMON_DAEMONISE_H

#include "util/error.h"

/*
 * Going into the background (daemon(7), "SysV daemons") in a way that hides no failure: the parent
 * waits until the child has reported, and ends with the child's exit code.  Until then the child
 * keeps standard error and prints its messages there.
 */

struct daemonise {
    int report_fd; /* the child's end of the pipe to its parent; -1 in the foreground */
    int null_fd;   /* /dev/null, opened before any chroot */
};

enum daemonise_role {
    DAEMONISE_FAILED = -1, /* no fork; a message is set */
    DAEMONISE_CHILD = 0,
    DAEMONISE_PARENT = 1,  /* the child has reported; *exit_code is what to end with */
    DAEMONISE_LOST = 2     /* the child has ended without a report; a message is set */
};

/* Forks.  The child is the leader of a new session. */
enum daemonise_role daemonise(struct daemonise *daemonise, int *exit_code, struct error *error);

/* Reports to the parent, if there is one: EXIT_CODE_OK when clients can open the device, any other
 * before ending.  After EXIT_CODE_OK standard input, output and error are /dev/null; standard error
 * stays if `keep_stderr`. */
void daemonise_report(struct daemonise *daemonise, int exit_code, int keep_stderr);

#endif
