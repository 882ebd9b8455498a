/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_STATE_BLOB_H
#define STATE_STATE_BLOB_H

#include <stdbool.h>

#include <libtpms/tpm_types.h>

#include "state/key.h"
#include "state/state_name.h"
#include "util/buffer.h"
#include "util/error.h"

/*
 * State blobs: states on the way from one TPM to another (doc/state-format.md §3).  Pure functions:
 * nothing is stored, nothing is remembered.  Results and messages as in state_store.h, and
 * TPM_KEYNOTFOUND (0xD) where a key is needed and not there.  The caller puts the name of the blob
 * before the message.
 */

/* Largest blob taken or given, in bytes (swtpm-ptm(4), PTM_SET_STATEBLOB). */
#define STATE_BLOB_MAX (512 * 1024)

struct state_blob_keys {
    const struct state_key *state_key;     /* --key, NULL if there is none */
    const struct state_key *migration_key; /* --migration-key, likewise */
    bool require_encrypted;                /* --migration-key …,require */
};

/*
 * Wraps a plain state into a blob.  With a state key, and unless `decrypted` is asked for (flag 1
 * of GET_STATEBLOB), the state in it is encrypted under that key, and *encrypted (flag 2 of its
 * answer) tells so.  With a migration key the whole is encrypted under that besides.
 */
TPM_RESULT state_blob_wrap(const struct state_blob_keys *keys, enum tpm_version version,
                           enum state_type type, struct swtpm_bytes plain, bool decrypted,
                           struct buffer *blob, bool *encrypted, struct error *error);

/*
 * Unwraps a blob into the plain state.  What the blob is encrypted with stands in its header;
 * `encrypted` is what the client says of it (flag 2 of SET_STATEBLOB): that the state in it is
 * encrypted under the state key, which is checked.  `plain` is replaced on success, else untouched.
 * Bytes whose header is none, or does not fit their number, are TPM_BAD_PARAMETER, as in swtpm.
 */
TPM_RESULT state_blob_unwrap(const struct state_blob_keys *keys, enum tpm_version version,
                             enum state_type type, struct swtpm_bytes blob, bool encrypted,
                             struct buffer *plain, struct error *error);

#endif
