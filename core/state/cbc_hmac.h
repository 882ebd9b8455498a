/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_CBC_HMAC_H
#define STATE_CBC_HMAC_H

#include <libtpms/tpm_types.h>

#include "state/key_use.h"
#include "util/buffer.h"

/*
 * Encryption as the original does it (doc/state-format.md §4): AES-CBC, then HMAC-SHA256 with the
 * same key over the ciphertext and the whole IV.  The IV is as long as the key, and its first 16
 * bytes are used. The padding goes up to a multiple of the key's length.
 */

#define CBC_HMAC_SIZE 32

struct cbc_hmac_item {
    struct swtpm_bytes ciphertext;
    struct swtpm_bytes initialization_vector; /* size 0: there is none, and zeros are used */
    struct swtpm_bytes hmac;
};

/* Bytes of ciphertext for `size` plain bytes. */
size_t cbc_hmac_ciphertext_size(const struct key_use *use, size_t size);

/* Bytes of the IV. */
size_t cbc_hmac_iv_size(const struct key_use *use);

/* Encrypts.  `item` points into `memory`, which is replaced.  0 or a code of enum
 * swtpm_plugin_result. */
int cbc_hmac_encrypt(const struct key_use *use, struct swtpm_bytes plain, struct buffer *memory,
                     struct cbc_hmac_item *item, struct error *error);

/* Verifies and decrypts.  `plain` is replaced on success, else untouched.  TPM_DECRYPT_ERROR if it
 * does not verify. */
TPM_RESULT cbc_hmac_decrypt(const struct key_use *use, const struct cbc_hmac_item *item,
                            struct buffer *plain, struct error *error);

/* The oldest form, of format version 1: AES-CBC with an IV of zeros over the SHA-256 of the data,
 * the data and the padding.  Results as above. */
TPM_RESULT cbc_digest_decrypt(const struct key_use *use, struct swtpm_bytes ciphertext,
                              struct buffer *plain, struct error *error);

#endif
