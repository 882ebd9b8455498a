/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TPM_STORED_STATES_H
#define TPM_STORED_STATES_H

#include "state/state_store.h"
#include "tpm/storage_lock.h"

/*
 * The stored states, as libtpms and the control calls use them: a lock that is still deferred
 * (--migration incoming) is taken before anything is written, since a new TPM may have to be stored
 * before its first command; and failures are logged.
 *
 * Thread: as the state store.  Results as in state_store.h.
 */

struct stored_states {
    struct state_store *store; /* borrowed */
    struct storage_lock lock;
};

/* `plain` is replaced on success, else untouched.  TPM_RETRY: there is no such state. */
TPM_RESULT stored_states_load(struct stored_states *states, enum state_type type,
                              struct buffer *plain);

/* Skipped if the state is stored already (state_store.h). */
TPM_RESULT stored_states_save(struct stored_states *states, enum state_type type,
                              struct swtpm_bytes plain);

/* Reads nothing of the state, and takes no lock. */
TPM_RESULT stored_states_exists(struct stored_states *states, enum state_type type, bool *exists);

/* Succeeds if there is no such state. */
TPM_RESULT stored_states_delete(struct stored_states *states, enum state_type type);

#endif
