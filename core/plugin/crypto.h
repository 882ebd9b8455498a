/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGIN_CRYPTO_H
#define PLUGIN_CRYPTO_H

#include "plugin/search.h"
#include "util/error.h"

/*
 * The crypto side of the plugin interface, typed and checked.  Each call has the meaning that
 * swtpm_plugin.h gives to the op of its name.  0 or a code of enum swtpm_plugin_result, with a
 * message that names the plugin.  CORRUPT comes from crypto_aead alone and means that the tag does
 * not verify; where another op returns that or DENIED, the result is IO.
 */

/* A loaded crypto plugin; lives as long as the process; may be used by several threads. */
struct crypto;

/* The plugin that is used when the user names none. */
#define CRYPTO_DEFAULT_PLUGIN "gnutls"

/* Loads crypto-NAME.so.  0 or -1. */
int crypto_load(const struct plugin_search *search, const char *name, const struct crypto **crypto,
                struct error *error);

/* The plugin's descriptor, for its name and its system calls. */
const struct swtpm_plugin *crypto_descriptor(const struct crypto *crypto);

int crypto_random(const struct crypto *crypto, struct swtpm_buffer output, struct error *error);
int crypto_digest(const struct crypto *crypto, enum swtpm_digest_algorithm algorithm,
                  struct swtpm_bytes input, struct swtpm_buffer output, struct error *error);
int crypto_hmac(const struct crypto *crypto, enum swtpm_digest_algorithm algorithm,
                struct swtpm_bytes key, struct swtpm_bytes input, struct swtpm_buffer output,
                struct error *error);
int crypto_cbc(const struct crypto *crypto, enum swtpm_cipher_algorithm algorithm,
               enum swtpm_cipher_direction direction, struct swtpm_bytes key,
               struct swtpm_bytes initialization_vector, struct swtpm_bytes input,
               struct swtpm_buffer output, struct error *error);
int crypto_aead(const struct crypto *crypto, enum swtpm_cipher_algorithm algorithm,
                enum swtpm_cipher_direction direction, struct swtpm_bytes key,
                struct swtpm_bytes nonce, struct swtpm_bytes associated_data,
                struct swtpm_bytes input, struct swtpm_buffer output, struct error *error);
int crypto_hkdf(const struct crypto *crypto, enum swtpm_digest_algorithm algorithm,
                struct swtpm_bytes key, struct swtpm_bytes salt, struct swtpm_bytes info,
                struct swtpm_buffer output, struct error *error);
int crypto_pbkdf2(const struct crypto *crypto, enum swtpm_digest_algorithm algorithm,
                  struct swtpm_bytes password, struct swtpm_bytes salt, uint32_t rounds,
                  struct swtpm_buffer output, struct error *error);

#endif
