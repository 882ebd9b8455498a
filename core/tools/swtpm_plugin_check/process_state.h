/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_PLUGIN_CHECK_PROCESS_STATE_H
#define TOOLS_SWTPM_PLUGIN_CHECK_PROCESS_STATE_H

#include <signal.h>
#include <sys/types.h>

/* What a plugin must not change in its process. */

enum { PROCESS_STATE_SIGNALS = 65, PROCESS_STATE_TEXT_SIZE = 4096 };

struct process_state {
    mode_t umask;
    uid_t users[3]; /* real, effective, saved */
    gid_t groups[3];
    char working_directory[PROCESS_STATE_TEXT_SIZE];
    char locale[256];
    char environment[1 << 16]; /* all of it, cut off at the end */
    struct sigaction actions[PROCESS_STATE_SIGNALS];
    sigset_t blocked;
    unsigned descriptors;
    unsigned threads;
};

/* Fails the check if something of it cannot be found out. */
void process_state_take(struct process_state *state);

/* Fails the check if they differ; `what` did it. */
void process_state_compare(const struct process_state *before, const struct process_state *after,
                           const char *what);

/* The number of entries of a directory of /proc/self, such as "fd". */
unsigned process_state_count(const char *directory);

#endif
