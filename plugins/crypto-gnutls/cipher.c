/* SPDX-License-Identifier: BSD-3-Clause */
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "ops.h"
#include "result.h"

/* GnuTLS' names for an enum swtpm_cipher_algorithm. */
struct cipher_algorithm {
    gnutls_cipher_algorithm_t cbc;
    gnutls_cipher_algorithm_t gcm;
    size_t key_size; /* in bytes */
};

static int find_algorithm(uint32_t algorithm, size_t key_size, struct cipher_algorithm *found,
                          struct swtpm_plugin_error *error)
{
    switch (algorithm) {
    case SWTPM_AES_128:
        *found = (struct cipher_algorithm){GNUTLS_CIPHER_AES_128_CBC, GNUTLS_CIPHER_AES_128_GCM,
                                           16};
        break;
    case SWTPM_AES_256:
        *found = (struct cipher_algorithm){GNUTLS_CIPHER_AES_256_CBC, GNUTLS_CIPHER_AES_256_GCM,
                                           32};
        break;
    default:
        return fail(error, SWTPM_PLUGIN_UNSUPPORTED, "cipher algorithm %u is not known here",
                    algorithm);
    }
    if (key_size != found->key_size)
        return fail(error, SWTPM_PLUGIN_INVALID, "this cipher takes a key of %zu bytes, not %zu",
                    found->key_size, key_size);
    return SWTPM_PLUGIN_OK;
}

static int check_direction(uint32_t direction, struct swtpm_plugin_error *error)
{
    if (direction == SWTPM_ENCRYPT || direction == SWTPM_DECRYPT)
        return SWTPM_PLUGIN_OK;
    return fail(error, SWTPM_PLUGIN_INVALID, "cipher direction %u is not known", direction);
}

/* ---------------------------------------------------------------------------------------- CBC */

static int check_cbc_sizes(size_t initialization_vector, size_t input, size_t output,
                           struct swtpm_plugin_error *error)
{
    if (initialization_vector != SWTPM_AES_BLOCK_SIZE)
        return fail(error, SWTPM_PLUGIN_INVALID, "an initialization vector of %zu bytes, not %d",
                    initialization_vector, SWTPM_AES_BLOCK_SIZE);
    if (input % SWTPM_AES_BLOCK_SIZE != 0)
        return fail(error, SWTPM_PLUGIN_INVALID, "%zu bytes are no whole number of AES blocks",
                    input);
    if (output != input)
        return fail(error, SWTPM_PLUGIN_INVALID, "AES-CBC of %zu bytes does not fit %zu bytes",
                    input, output);
    return SWTPM_PLUGIN_OK;
}

int cbc_op(uint32_t algorithm, uint32_t direction, struct swtpm_bytes key,
           struct swtpm_bytes initialization_vector, struct swtpm_bytes input,
           struct swtpm_buffer output, struct swtpm_plugin_error *error)
{
    struct cipher_algorithm found;
    gnutls_cipher_hd_t cipher;

    int result = find_algorithm(algorithm, key.size, &found, error);
    if (result == SWTPM_PLUGIN_OK)
        result = check_direction(direction, error);
    if (result == SWTPM_PLUGIN_OK)
        result = check_cbc_sizes(initialization_vector.size, input.size, output.size, error);
    if (result != SWTPM_PLUGIN_OK || input.size == 0)
        return result;
    const gnutls_datum_t key_datum = datum(key);
    const gnutls_datum_t iv_datum = datum(initialization_vector);
    result = check(error, "gnutls_cipher_init",
                   gnutls_cipher_init(&cipher, found.cbc, &key_datum, &iv_datum));
    if (result != SWTPM_PLUGIN_OK)
        return result;
    if (direction == SWTPM_ENCRYPT)
        result = check(error, "gnutls_cipher_encrypt2",
                       gnutls_cipher_encrypt2(cipher, input.data, input.size, output.data,
                                              output.size));
    else
        result = check(error, "gnutls_cipher_decrypt2",
                       gnutls_cipher_decrypt2(cipher, input.data, input.size, output.data,
                                              output.size));
    gnutls_cipher_deinit(cipher);
    return result;
}

/* ---------------------------------------------------------------------------------------- GCM */

static int check_aead_sizes(uint32_t direction, size_t nonce, size_t input, size_t output,
                            struct swtpm_plugin_error *error)
{
    size_t longer = direction == SWTPM_ENCRYPT ? output : input;
    size_t shorter = direction == SWTPM_ENCRYPT ? input : output;

    if (nonce != SWTPM_GCM_NONCE_SIZE)
        return fail(error, SWTPM_PLUGIN_INVALID, "a nonce of %zu bytes, not %d", nonce,
                    SWTPM_GCM_NONCE_SIZE);
    if (longer < SWTPM_GCM_TAG_SIZE || longer - SWTPM_GCM_TAG_SIZE != shorter)
        return fail(error, SWTPM_PLUGIN_INVALID, "AES-GCM of %zu bytes does not fit %zu bytes",
                    input, output);
    return SWTPM_PLUGIN_OK;
}

static int aead_encrypt(gnutls_aead_cipher_hd_t cipher, struct swtpm_bytes nonce,
                        struct swtpm_bytes associated_data, struct swtpm_bytes input,
                        struct swtpm_buffer output, struct swtpm_plugin_error *error)
{
    size_t size = output.size;

    return check(error, "gnutls_aead_cipher_encrypt",
                 gnutls_aead_cipher_encrypt(cipher, nonce.data, nonce.size, associated_data.data,
                                            associated_data.size, SWTPM_GCM_TAG_SIZE, input.data,
                                            input.size, output.data, &size));
}

/* GnuTLS decrypts before it checks the tag, and the caller's buffer may see verified bytes only. */
static int aead_decrypt(gnutls_aead_cipher_hd_t cipher, struct swtpm_bytes nonce,
                        struct swtpm_bytes associated_data, struct swtpm_bytes input,
                        struct swtpm_buffer output, struct swtpm_plugin_error *error)
{
    size_t size = output.size;
    void *unverified = malloc(size > 0 ? size : 1);

    if (unverified == NULL)
        return fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory to decrypt %zu bytes", size);
    int result = check(error, "gnutls_aead_cipher_decrypt",
                       gnutls_aead_cipher_decrypt(cipher, nonce.data, nonce.size,
                                                  associated_data.data, associated_data.size,
                                                  SWTPM_GCM_TAG_SIZE, input.data, input.size,
                                                  unverified, &size));
    if (result == SWTPM_PLUGIN_OK && output.size > 0)
        memcpy(output.data, unverified, output.size);
    explicit_bzero(unverified, output.size);
    free(unverified);
    return result;
}

int aead_op(uint32_t algorithm, uint32_t direction, struct swtpm_bytes key,
            struct swtpm_bytes nonce, struct swtpm_bytes associated_data, struct swtpm_bytes input,
            struct swtpm_buffer output, struct swtpm_plugin_error *error)
{
    struct cipher_algorithm found;
    gnutls_aead_cipher_hd_t cipher;

    int result = find_algorithm(algorithm, key.size, &found, error);
    if (result == SWTPM_PLUGIN_OK)
        result = check_direction(direction, error);
    if (result == SWTPM_PLUGIN_OK)
        result = check_aead_sizes(direction, nonce.size, input.size, output.size, error);
    if (result != SWTPM_PLUGIN_OK)
        return result;
    const gnutls_datum_t key_datum = datum(key);
    result = check(error, "gnutls_aead_cipher_init",
                   gnutls_aead_cipher_init(&cipher, found.gcm, &key_datum));
    if (result != SWTPM_PLUGIN_OK)
        return result;
    if (direction == SWTPM_ENCRYPT)
        result = aead_encrypt(cipher, nonce, associated_data, input, output, error);
    else
        result = aead_decrypt(cipher, nonce, associated_data, input, output, error);
    gnutls_aead_cipher_deinit(cipher);
    return result;
}
