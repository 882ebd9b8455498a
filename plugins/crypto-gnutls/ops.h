/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CRYPTO_GNUTLS_OPS_H
#define CRYPTO_GNUTLS_OPS_H

#include "swtpm_plugin.h"

/* The ops of struct swtpm_crypto_ops, which says what each of them does. */

int random_op(struct swtpm_buffer output, struct swtpm_plugin_error *error);

int digest_op(uint32_t algorithm, struct swtpm_bytes input, struct swtpm_buffer output,
              struct swtpm_plugin_error *error);

int hmac_op(uint32_t algorithm, struct swtpm_bytes key, struct swtpm_bytes input,
            struct swtpm_buffer output, struct swtpm_plugin_error *error);

int cbc_op(uint32_t algorithm, uint32_t direction, struct swtpm_bytes key,
           struct swtpm_bytes initialization_vector, struct swtpm_bytes input,
           struct swtpm_buffer output, struct swtpm_plugin_error *error);

int aead_op(uint32_t algorithm, uint32_t direction, struct swtpm_bytes key,
            struct swtpm_bytes nonce, struct swtpm_bytes associated_data, struct swtpm_bytes input,
            struct swtpm_buffer output, struct swtpm_plugin_error *error);

int hkdf_op(uint32_t algorithm, struct swtpm_bytes key, struct swtpm_bytes salt,
            struct swtpm_bytes info, struct swtpm_buffer output, struct swtpm_plugin_error *error);

int pbkdf2_op(uint32_t algorithm, struct swtpm_bytes password, struct swtpm_bytes salt,
              uint32_t rounds, struct swtpm_buffer output, struct swtpm_plugin_error *error);

#endif
