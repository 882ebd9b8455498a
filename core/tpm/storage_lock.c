/* SPDX-License-Identifier: BSD-3-Clause */
#include "tpm/storage_lock.h"

#include "util/log.h"

enum { BEFORE_SAVE_STATE = 1u << STATE_PERMANENT | 1u << STATE_VOLATILE };

void storage_lock_init(struct storage_lock *lock, struct state_store *store,
                       const struct storage_lock_policy *policy)
{
    lock->store = store;
    lock->policy = *policy;
    lock->missing = policy->used;
    lock->blobs_fetched = 0;
}

int storage_lock_start(struct storage_lock *lock, struct error *error)
{
    if (lock->policy.incoming)
        return 0;
    return storage_lock_take(lock, STORAGE_LOCK_START_RETRIES, error);
}

bool storage_lock_is_missing(const struct storage_lock *lock)
{
    return lock->missing;
}

int storage_lock_take(struct storage_lock *lock, unsigned retries, struct error *error)
{
    lock->blobs_fetched = 0;
    if (!storage_lock_is_missing(lock))
        return 0;
    if (state_store_lock(lock->store, retries, error) != 0)
        return -1;
    lock->missing = false;
    return 0;
}

void storage_lock_blob_fetched(struct storage_lock *lock, enum state_type type)
{
    bool others_came_first = (lock->blobs_fetched & BEFORE_SAVE_STATE) == BEFORE_SAVE_STATE;

    lock->blobs_fetched |= 1u << type;
    if (!lock->policy.release_outgoing || type != STATE_SAVE || !others_came_first)
        return;
    state_store_unlock(lock->store);
    lock->missing = lock->policy.used;
    lock->blobs_fetched = 0;
    log_info("Storage lock released: all state blobs were fetched");
}
