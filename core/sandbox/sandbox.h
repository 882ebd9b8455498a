/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <stdint.h>
#include <stdio.h>

#include "sandbox/landlock.h"
#include "sandbox/seccomp.h"
#include "util/error.h"

/*
 * The sandbox as the start-up code sees it: what is needed is collected while things are opened,
 * and what was not collected is out of reach once it closes.
 *
 *     sandbox_open                   with the action and the features of the command line
 *     sandbox_allow_calls            once for each loaded plugin
 *     sandbox_allow_path[_fd]        pid file and log directory before --chroot; what the storage
 *                                    plugin announces, as it announces it
 *     sandbox_restrict_paths         after the storage is open, before the first thread
 *     sandbox_close                  after the last thread was started and has begun to run its
 *                                    own function: what the C library calls at the start of a
 *                                    thread (rseq, set_robust_list) is not on the list
 *
 * The last two cannot be undone.  With SECCOMP_ACTION_NONE all of this does nothing.  All functions
 * belong to the loop's thread.
 */
struct sandbox {
    enum seccomp_action action;
    struct seccomp_list calls;
    struct landlock landlock;
};

/* Begins with the calls of the core and no path.  `features` has bits of enum seccomp_feature.
 * 0, or -1 with a message. */
int sandbox_open(struct sandbox *sandbox, enum seccomp_action action, unsigned features,
                 struct error *error);

/* Adds the system calls of a plugin ("storage-dir"): see seccomp_list_add. */
int sandbox_allow_calls(struct sandbox *sandbox, const char *plugin, const char *const *names,
                        struct error *error);

/* Adds a path, or what `fd` is open on: see landlock_allow.  `access` takes the bits that a plugin
 * announces (enum swtpm_path_access) as they are. */
int sandbox_allow_path(struct sandbox *sandbox, const char *path, uint32_t access,
                       struct error *error);
int sandbox_allow_path_fd(struct sandbox *sandbox, int fd, const char *name, uint32_t access,
                          struct error *error);

/* Leaves only the paths that were added: for this thread and those that it starts from now on, so
 * no thread that opens files may exist before. */
int sandbox_restrict_paths(struct sandbox *sandbox, struct error *error);

/* Leaves only the calls that were added, for all threads. */
int sandbox_close(struct sandbox *sandbox, struct error *error);

/* Writes the list in force as one JSON object: the action, and each call with who asked for it
 * ("core", "host" or a plugin), why, and under which condition.  0, or -1 with errno if the stream
 * fails. */
int sandbox_print(const struct sandbox *sandbox, FILE *stream);

/* Gives back what was collected if the sandbox never closed. */
void sandbox_discard(struct sandbox *sandbox);

#endif
