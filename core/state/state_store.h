/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_STATE_STORE_H
#define STATE_STATE_STORE_H

#include <stdbool.h>

#include <libtpms/tpm_types.h>

#include "plugin/storage.h"
#include "state/key.h"
#include "state/state_name.h"
#include "util/buffer.h"
#include "util/error.h"

/*
 * The states of one TPM in one store: what libtpms hands over as plain bytes, wrapped in the
 * envelope (header, TLVs, encryption) on the way to the storage plugin and unwrapped on the way
 * back.  One thread at a time.
 *
 * Results are those that libtpms' callbacks and the control interface report:
 *   TPM_SUCCESS           done
 *   TPM_RETRY             load: there is no such state (and none was expected)
 *   TPM_DECRYPT_ERROR     0x21: wrong key, no key for an encrypted state, a key for a plain one
 *   TPM_BAD_KEY_PROPERTY  0x28: the key has the wrong length for this state
 *   TPM_BAD_VERSION       the state was written by a newer program
 *   TPM_RESOURCES         no memory
 *   TPM_IOERROR           0x1F: load: the crypto plugin failed, which says nothing about the state
 *   TPM_FAIL              everything else
 * Each failure but TPM_RETRY sets the error's text, which names the value and its store.
 */

struct state_store;

struct state_store_parameters {
    enum tpm_version version;
    struct storage *storage;      /* open; borrowed for the life of the state store */
    const char *location;         /* what messages call it: "dir:///var/lib/tpm"; copied */
    const struct state_key *key;  /* NULL: plain states; borrowed likewise */
    bool durable;                 /* each store survives power loss */
    bool backup;                  /* keep the previous permanent state as NAME.bak */
};

/* 0, or -1 if there is no memory. */
int state_store_new(const struct state_store_parameters *parameters, struct state_store **store,
                    struct error *error);

/* NULL is allowed.  Wipes what it remembers; the storage stays open. */
void state_store_free(struct state_store *store);

/* Takes the storage lock: one try, then `retries` more, 10 ms apart.  0 or -1; a lock already held
 * is fine.
 *
 * Refused if the permanent state is no longer what was loaded or stored here last: another process
 * went on with it, and writing ours over it would lose what that has acknowledged.  What was loaded
 * from the backup is compared with what would be loaded now, the state or again its backup.
 * Refused as well where that is not known: after a store that failed, after a load or store that
 * there was no memory to remember, and if the state cannot be read.  Given where nothing was loaded
 * or stored, and so after state_store_forget: the next load reads what is there then.
 *
 * Nothing is compared while the lock is held.  Whatever is written in spite of it, say another
 * state copied into the place of the one in use, is replaced by the next store. */
int state_store_lock(struct state_store *store, unsigned retries, struct error *error);

/* May be called by any thread.  While waiting is not allowed, a state_store_lock that waits for
 * another holder fails at its next try, and later ones try once only.  It is allowed at first. */
void state_store_allow_waiting(struct state_store *store, bool allowed);
void state_store_unlock(struct state_store *store);
bool state_store_is_locked(const struct state_store *store);

/* The TPM has ended: what it had loaded matters no more.  Wipes what is remembered. */
void state_store_forget(struct state_store *store);

/*
 * Loads and unwraps one state into `plain` (replaced on success, else untouched).
 *
 * Without the lock, a store with an unfinished change of several values is TPM_FAIL.
 *
 * A permanent state that is missing while a volatile, a saved or a backup of the permanent state is
 * there was lost: that is TPM_FAIL and a message, not TPM_RETRY, so that nobody makes a new TPM
 * over it.  With `backup`, a permanent state that is missing or damaged is taken from its backup,
 * and the log says so; a store or a crypto plugin that fails for the moment is no reason for that,
 * nor is TPM_DECRYPT_ERROR or TPM_BAD_KEY_PROPERTY: another key may open what is there.
 *
 * While the lock is held, a state that was loaded or stored before is not read again.
 */
TPM_RESULT state_store_load(struct state_store *store, enum state_type type, struct buffer *plain,
                            struct error *error);

/* Wraps and stores one state.  Skipped if it is what was last stored or loaded under that name
 * through this store and not deleted since. */
TPM_RESULT state_store_save(struct state_store *store, enum state_type type,
                            struct swtpm_bytes plain, struct error *error);

/* Removes one state.  Succeeds if there is none. */
TPM_RESULT state_store_delete(struct state_store *store, enum state_type type,
                              struct error *error);

/* Whether the state exists; reads nothing of it.  *size (NULL allowed) is its size as stored. */
TPM_RESULT state_store_exists(struct state_store *store, enum state_type type, bool *exists,
                              uint64_t *size, struct error *error);

#endif
