/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TPM_STORAGE_LOCK_H
#define TPM_STORAGE_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "state/state_store.h"
#include "util/error.h"

/*
 * When the storage lock is held (swtpm_cuse(8), --migration).  Normally from the start of the
 * process to its end. With --migration incoming it is taken when the last blob has arrived or the
 * first command comes; with release-lock-outgoing it is given back once the savestate blob has been
 * fetched after the permanent and the volatile one, and the next command, INIT or LOCK_STORAGE
 * takes it again.
 *
 * While the lock should be held but is not, nothing is stored.  Every function belongs to the
 * thread that uses the state store at that time, but for storage_lock_is_missing, which any may
 * call.
 */

/* Tries after the first one, 10 ms apart, when a command or INIT takes the lock again. */
#define STORAGE_LOCK_RETRIES 300

/* Likewise when the process starts: long enough for a predecessor that is just ending. */
#define STORAGE_LOCK_START_RETRIES 50

struct storage_lock_policy {
    bool used;             /* false: --tpmstate …,lock=false */
    bool incoming;         /* --migration incoming */
    bool release_outgoing; /* --migration release-lock-outgoing */
};

struct storage_lock {
    struct state_store *store; /* borrowed */
    struct storage_lock_policy policy;
    atomic_bool missing;    /* should be held and is not */
    unsigned blobs_fetched; /* bits of 1 << enum state_type */
};

/* `policy` is copied.  Takes no lock yet. */
void storage_lock_init(struct storage_lock *lock, struct state_store *store,
                       const struct storage_lock_policy *policy);

/* At the start of the process: takes the lock unless it is deferred.  0 or -1. */
int storage_lock_start(struct storage_lock *lock, struct error *error);

/* Whether a command has to take the lock first. */
bool storage_lock_is_missing(const struct storage_lock *lock);

/* Takes the lock if it is missing.  0 or -1. */
int storage_lock_take(struct storage_lock *lock, unsigned retries, struct error *error);

/* Tells that a blob of that type has been fetched completely; may give the lock back. */
void storage_lock_blob_fetched(struct storage_lock *lock, enum state_type type);

#endif
