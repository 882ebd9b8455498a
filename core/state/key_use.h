/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_KEY_USE_H
#define STATE_KEY_USE_H

#include "plugin/crypto.h"
#include "state/key.h"

/* The bytes of a key, for the functions that encrypt and decrypt with it. */

struct key_use {
    const struct crypto *crypto;
    const char *option;              /* "--key" or "--migration-key" */
    enum key_mode mode;
    struct swtpm_bytes bytes;        /* 16 or 32 */
    struct swtpm_bytes parameters;   /* of kdf=pbkdf2-strong, to be stored; else empty */
};

/* The key for something new.  `use` points into the key and holds until its next use.  0 or a code
 * of enum swtpm_plugin_result. */
int key_use_for_wrapping(const struct state_key *key, struct key_use *use, struct error *error);

/* The key for something that stands with these derivation parameters, or with none (size 0).  0 or
 * a code: SWTPM_PLUGIN_CORRUPT for damaged parameters, SWTPM_PLUGIN_DENIED if the key is of another
 * kind. */
int key_use_for_unwrapping(const struct state_key *key, struct swtpm_bytes parameters,
                           struct key_use *use, struct error *error);

/* What stood with the derivation parameters of the last unwrapping has verified, so that they may
 * serve for something new.  Until then they are what anybody may have written. */
void key_use_prove(const struct state_key *key);

#endif
