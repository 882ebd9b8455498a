/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SANDBOX_SECCOMP_H
#define SANDBOX_SECCOMP_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/*
 * The allow-list of system calls (seccomp(2)): everything that is not on it meets the action.
 *
 * The list is made of what the core calls once it serves (the table in seccomp.c, each with its
 * reason), of SWTPM_HOST_SYSTEM_CALLS, which every plugin may use, and of what the loaded plugins
 * name.  Calls of another architecture's table (x32 and 32-bit ones on a 64-bit kernel) are killed
 * with both actions.
 */

/* What happens to a call outside of the list (--seccomp action=). */
enum seccomp_action {
    SECCOMP_ACTION_KILL, /* the process is killed with SIGSYS; the kernel's log tells the number */
    SECCOMP_ACTION_LOG,  /* its name goes to the log, at the level of errors, and it runs */
    SECCOMP_ACTION_NONE  /* there is no filter */
};

/* What the core still does after start because of an option, with the calls that takes. */
enum seccomp_feature {
    SECCOMP_LOG_FILE = 1,  /* --log file=: the file is opened again on SIGHUP */
    SECCOMP_PID_FILE = 2,  /* --pid: the file is written and removed */
    SECCOMP_LOCK_AGAIN = 4, /* --migration: the storage lock is taken again, with pauses */
    SECCOMP_CAPTURE = 8     /* --pcap: half a packet is removed from the end of the file */
};

/* A call is allowed only if (argument & mask) == value. */
struct seccomp_condition {
    unsigned argument; /* 0 to 5 */
    uint64_t mask;
    uint64_t value;
    const char *text; /* for people: "never executable" */
};

struct seccomp_call {
    const char *name;                          /* as in syscalls(2); borrowed */
    const char *source;                        /* "core", "host" or one of the list's plugins */
    const char *reason;                        /* why the core needs it; NULL from other sources */
    const struct seccomp_condition *condition; /* NULL: whatever the arguments */
};

enum {
    SECCOMP_LIST_CAPACITY = 160,
    SECCOMP_PLUGINS_MAX = 4,
    SECCOMP_SOURCE_SIZE = 48
};

/* Calls in the order in which they were added, each name once unless it is there with a condition
 * and without.  Zeroed memory is an empty list.  It points into itself: it stays where it is. */
struct seccomp_list {
    struct seccomp_call calls[SECCOMP_LIST_CAPACITY];
    size_t count;
    char plugins[SECCOMP_PLUGINS_MAX][SECCOMP_SOURCE_SIZE]; /* "storage-dir" and the like */
    size_t plugin_count;
};

/* Adds the calls of the core, with those for the bits of enum seccomp_feature in `features`, and
 * SWTPM_HOST_SYSTEM_CALLS.  To an empty list. */
void seccomp_list_add_core(struct seccomp_list *list, unsigned features);

/* Adds the calls that `plugin` ("storage-dir") names; `names` ends with NULL and is
 * borrowed for the life of the list.  A name that this system knows but this processor's
 * architecture does not have is passed over.  0, or -1 with a message that names the plugin: a name
 * that nobody knows, or one that no plugin gets (starting programs, processes and threads, tracing,
 * device control). */
int seccomp_list_add(struct seccomp_list *list, const char *plugin, const char *const *names,
                     struct error *error);

/* Puts the list in force for all threads of the process, for good, and sets no_new_privs.  With
 * SECCOMP_ACTION_LOG a thread is started that logs (supervisor.h).
 * 0, or -1 with a message and no filter in force. */
int seccomp_close(const struct seccomp_list *list, enum seccomp_action action, struct error *error);

#endif
