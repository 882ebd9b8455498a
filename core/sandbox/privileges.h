/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SANDBOX_PRIVILEGES_H
#define SANDBOX_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/error.h"

/*
 * Giving up what root may do (credentials(7), capabilities(7)).
 *
 * Order of calls: privileges_resolve while the user database can still be read, that is before
 * --chroot; privileges_drop once, after the last fork and before the first thread (the kernel keeps
 * capabilities and no_new_privs for each thread); privileges_free.
 *
 * A daemon that root starts without --runas keeps uid 0, so that it goes on owning the files that
 * it made before, but loses every capability, CAP_DAC_OVERRIDE included: it reads and writes what
 * belongs to root or is open to all, and nothing else.  State of another user needs --runas with
 * that user's name.
 */

/* Who to become.  Zeroed memory is valid for privileges_free. */
struct privileges {
    uid_t uid;
    gid_t gid;
    bool keep_groups; /* supplementary groups stay as they are */
    gid_t *groups;    /* those to set otherwise; owned, freed by privileges_free */
    size_t group_count;
};

/*
 * Looks up `run_as`: a user's name or, if there is no such name, a uid in decimal.  The user's
 * group and supplementary groups come from the user database as by initgroups(3); a uid that is not
 * in it gets the group of the same number and no supplementary ones.  NULL, and the user that runs
 * this process without being root, mean: stay who we are.
 *
 * 0, or -1 with a message that names the option --runas.
 */
int privileges_resolve(struct privileges *privileges, const char *run_as, struct error *error);

/*
 * Enters `root` (--chroot; NULL: none), becomes who privileges_resolve found, and gives up for
 * good: all capabilities (effective, permitted, inheritable, ambient; the bounding set too if
 * CAP_SETPCAP is there to do it), gaining any by execve(2) (PR_SET_NO_NEW_PRIVS), being dumped or
 * traced (PR_SET_DUMPABLE) and core files (RLIMIT_CORE).  Then checks that neither the old ids nor
 * a capability can be had back.
 *
 * 0, or -1 with a message; the process may then be anywhere in between and must end.
 */
int privileges_drop(const struct privileges *privileges, const char *root, struct error *error);

/* Frees the list of groups.  Does not bring anything back. */
void privileges_free(struct privileges *privileges);

#endif
