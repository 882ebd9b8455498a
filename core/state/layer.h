/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_LAYER_H
#define STATE_LAYER_H

#include <stdbool.h>

#include <libtpms/tpm_types.h>

#include "state/envelope_header.h"
#include "state/key_use.h"
#include "util/buffer.h"

/*
 * One layer of an envelope: plain bytes or encrypted ones, as TLVs (doc/state-format.md §3).  A
 * state has the state layer, encrypted with --key; a state blob has that within the migration
 * layer, encrypted with --migration-key.
 */

enum layer {
    LAYER_STATE,
    LAYER_MIGRATION
};

/* What is wrapped: its header, and the name under which it is stored.  AES-GCM covers both. */
struct layer_context {
    uint8_t header[ENVELOPE_HEADER_SIZE];
    const char *value_name;
};

/* `use` is NULL for a plain layer in each of these. */

/* The flags that the layer adds to the header. */
uint16_t layer_flags(enum layer layer, const struct key_use *use);

/* Whether only this program can read it. */
bool layer_is_strong(const struct key_use *use);

/* Size of the TLVs around `size` plain bytes. */
size_t layer_wrapped_size(const struct key_use *use, size_t size);

/* Appends the TLVs to `to`.  0 or a code of enum swtpm_plugin_result. */
int layer_wrap(enum layer layer, const struct key_use *use, const struct layer_context *context,
               struct swtpm_bytes plain, struct buffer *to, struct error *error);

/*
 * Takes the layer off.  `body` is what follows the header or what the outer layer held; all
 * of it is checked.  `key` is NULL if there is none.  `plain` is replaced on success, else
 * untouched.  Results as in state_store.h; without a key for an encrypted layer TPM_KEYNOTFOUND.
 */
TPM_RESULT layer_unwrap(enum layer layer, const struct state_key *key,
                        const struct envelope_header *header, const struct layer_context *context,
                        struct swtpm_bytes body, struct buffer *plain, struct error *error);

#endif
