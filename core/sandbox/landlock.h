/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

#include <stdint.h>

#include "util/error.h"

/*
 * The paths that are left (landlock(7)): each is opened when it is allowed, so that a rule follows
 * the file or directory itself and not its name, and a chroot(2) in between does not matter.  What
 * was open before stays usable.  A kernel without Landlock restricts nothing; the log says so.
 *
 * The kernel restricts the thread that asks, and the threads that it starts later: so
 * landlock_close comes before the first thread.
 */

/* What may be done with a path; the first two are those of enum swtpm_path_access. */
enum landlock_access {
    /* Read files; list directories. */
    LANDLOCK_READ = 1,
    /* Write and truncate files; in a directory also make, rename and remove them and
     * subdirectories. */
    LANDLOCK_WRITE = 2,
    /* In a directory: make files and write to them, but read, truncate and remove none. */
    LANDLOCK_APPEND = 4,
    /* In a directory: remove files. */
    LANDLOCK_REMOVE = 8
};

struct landlock {
    int ruleset;      /* -1: not available; owned */
    uint64_t handled; /* what is forbidden where no rule allows it (LANDLOCK_ACCESS_FS_*) */
};

/* Begins with no path allowed.  0, or -1 with a message; a kernel without Landlock is no error. */
int landlock_open(struct landlock *landlock, struct error *error);

/* Allows `access` (bits of enum landlock_access) to the file or directory `path`, for a directory
 * with all beneath it; links are followed.  0, or -1 with a message that names the path. */
int landlock_allow(struct landlock *landlock, const char *path, uint32_t access,
                   struct error *error);

/* The same for what `fd` is open on (O_PATH will do); `name` is for the message. */
int landlock_allow_fd(struct landlock *landlock, int fd, const char *name, uint32_t access,
                      struct error *error);

/* Puts the rules in force, for good, sets no_new_privs, and gives the rule set back.  0, or -1 with
 * a message. */
int landlock_close(struct landlock *landlock, struct error *error);

/* Gives the rule set back without putting it in force. */
void landlock_discard(struct landlock *landlock);

#endif
