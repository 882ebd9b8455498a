/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_GCM_H
#define STATE_GCM_H

#include <libtpms/tpm_types.h>

#include "state/key_use.h"
#include "util/buffer.h"

/*
 * Encryption of mode=aes-256-gcm (doc/state-format.md): 32 bytes of salt, 12 of nonce, ciphertext,
 * 16 of tag.  The cipher's key is made of the key and the salt by HKDF-SHA256 with `label` as info,
 * so that each store has a key of its own and no nonce can repeat under it.
 */

struct gcm_context {
    const char *label;                  /* what the key is used for */
    struct swtpm_bytes associated_data; /* what the tag covers besides */
};

/* Size of what gcm_encrypt makes of `size` plain bytes. */
size_t gcm_encrypted_size(size_t size);

/* `encrypted` is replaced on success.  0 or a code of enum swtpm_plugin_result. */
int gcm_encrypt(const struct key_use *use, const struct gcm_context *context,
                struct swtpm_bytes plain, struct buffer *encrypted, struct error *error);

/* `plain` is replaced on success, else untouched.  TPM_DECRYPT_ERROR if it does not verify. */
TPM_RESULT gcm_decrypt(const struct key_use *use, const struct gcm_context *context,
                       struct swtpm_bytes encrypted, struct buffer *plain, struct error *error);

#endif
