/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The functions of plugin/crypto.h without any cryptography: every MAC is zeros, every cipher
 * copies, every tag verifies.  So a fuzzer gets behind the checks that only a key would pass.
 */
#include <string.h>

#include "plugin/crypto.h"

static int zero(struct swtpm_buffer output)
{
    if (output.size > 0)
        memset(output.data, 0, output.size);
    return 0;
}

int crypto_random(const struct crypto *crypto, struct swtpm_buffer output, struct error *error)
{
    (void)crypto;
    (void)error;
    return zero(output);
}

int crypto_digest(const struct crypto *crypto, enum swtpm_digest_algorithm algorithm,
                  struct swtpm_bytes input, struct swtpm_buffer output, struct error *error)
{
    (void)crypto;
    (void)algorithm;
    (void)input;
    (void)error;
    return zero(output);
}

int crypto_hmac(const struct crypto *crypto, enum swtpm_digest_algorithm algorithm,
                struct swtpm_bytes key, struct swtpm_bytes input, struct swtpm_buffer output,
                struct error *error)
{
    (void)crypto;
    (void)algorithm;
    (void)key;
    (void)input;
    (void)error;
    return zero(output);
}

int crypto_cbc(const struct crypto *crypto, enum swtpm_cipher_algorithm algorithm,
               enum swtpm_cipher_direction direction, struct swtpm_bytes key,
               struct swtpm_bytes initialization_vector, struct swtpm_bytes input,
               struct swtpm_buffer output, struct error *error)
{
    (void)crypto;
    (void)algorithm;
    (void)direction;
    (void)key;
    (void)initialization_vector;
    (void)error;
    memmove(output.data, input.data, input.size);
    return 0;
}

int crypto_aead(const struct crypto *crypto, enum swtpm_cipher_algorithm algorithm,
                enum swtpm_cipher_direction direction, struct swtpm_bytes key,
                struct swtpm_bytes nonce, struct swtpm_bytes associated_data,
                struct swtpm_bytes input, struct swtpm_buffer output, struct error *error)
{
    (void)crypto;
    (void)algorithm;
    (void)key;
    (void)nonce;
    (void)associated_data;
    (void)error;
    size_t size = direction == SWTPM_ENCRYPT ? input.size : output.size;
    if (size > 0)
        memcpy(output.data, input.data, size);
    if (direction == SWTPM_ENCRYPT)
        memset((char *)output.data + size, 0, SWTPM_GCM_TAG_SIZE);
    return 0;
}

int crypto_hkdf(const struct crypto *crypto, enum swtpm_digest_algorithm algorithm,
                struct swtpm_bytes key, struct swtpm_bytes salt, struct swtpm_bytes info,
                struct swtpm_buffer output, struct error *error)
{
    (void)crypto;
    (void)algorithm;
    (void)key;
    (void)salt;
    (void)info;
    (void)error;
    return zero(output);
}

int crypto_pbkdf2(const struct crypto *crypto, enum swtpm_digest_algorithm algorithm,
                  struct swtpm_bytes password, struct swtpm_bytes salt, uint32_t rounds,
                  struct swtpm_buffer output, struct error *error)
{
    (void)crypto;
    (void)algorithm;
    (void)password;
    (void)salt;
    (void)rounds;
    (void)error;
    return zero(output);
}
