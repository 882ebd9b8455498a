/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SANDBOX_SUPERVISOR_H
#define SANDBOX_SUPERVISOR_H

#include "util/error.h"

/*
 * The thread behind a seccomp filter that logs.  The kernel's own SECCOMP_RET_LOG writes a number
 * to the audit log, and SECCOMP_RET_TRAP does not run the call; so a thread is notified of each
 * call outside of the list (seccomp_unotify(2)), writes its name to our log and lets it go on.  The
 * thread exists with action=log only, and lives until the process ends.
 */

struct supervisor;

/* Starts the thread, with all signals blocked; it waits.  To be called before the filter is in
 * force, under which no thread can be started.  NULL with a message on failure. */
struct supervisor *supervisor_start(struct error *error);

/* Gives the thread the filter's notification descriptor, which it owns from now on, or, with -1,
 * ends it.  `supervisor` is not valid any more. */
void supervisor_attach(struct supervisor *supervisor, int fd);

#endif
