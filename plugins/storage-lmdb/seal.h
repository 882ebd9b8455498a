/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_LMDB_SEAL_H
#define STORAGE_LMDB_SEAL_H

#include <stdbool.h>

/*
 * To check an environment takes the longer the more TPMs are in it (verify.h).  So one process
 * checks it, and those that come while it is in use rely on that: since then nobody but LMDB has
 * written to it.  The seal is a lock (fcntl(2), F_OFD_SETLK) on one byte of swtpm.lock far behind
 * those of the TPMs: a write lock while the environment is being checked, a read lock of everybody
 * who uses it and vouches for it.  It dies with the process.  Nobody waits for it: who comes in the
 * middle of a check does its own.
 */

struct seal {
    int fd; /* -1: none */
};

/* Whether others vouch for the environment in `directory`; *seal does so too then.  Otherwise the
 * caller is to check it, and to call seal_set if it is sound. */
bool seal_join(struct seal *seal, const char *directory);

void seal_set(const struct seal *seal);

/* To be called in any case when the environment is closed, or is not sound. */
void seal_release(struct seal *seal);

#endif
