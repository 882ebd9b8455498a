/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/gcm.h"

#include <string.h>

#include <libtpms/tpm_error.h>

#include "state/result.h"

enum {
    SALT_SIZE = 32,
    CIPHER_KEY_SIZE = 32,
    PREFIX_SIZE = SALT_SIZE + SWTPM_GCM_NONCE_SIZE
};

size_t gcm_encrypted_size(size_t size)
{
    return PREFIX_SIZE + size + SWTPM_GCM_TAG_SIZE;
}

static int make_cipher_key(const struct key_use *use, const struct gcm_context *context,
                           const uint8_t salt[SALT_SIZE], uint8_t cipher_key[CIPHER_KEY_SIZE],
                           struct error *error)
{
    const struct swtpm_bytes info = {context->label, strlen(context->label)};

    return crypto_hkdf(use->crypto, SWTPM_SHA256, use->bytes,
                       (struct swtpm_bytes){salt, SALT_SIZE}, info,
                       (struct swtpm_buffer){cipher_key, CIPHER_KEY_SIZE}, error);
}

static int run(const struct key_use *use, const struct gcm_context *context,
               enum swtpm_cipher_direction direction, const uint8_t prefix[PREFIX_SIZE],
               struct swtpm_bytes input, struct swtpm_buffer output, struct error *error)
{
    const struct swtpm_bytes nonce = {prefix + SALT_SIZE, SWTPM_GCM_NONCE_SIZE};
    uint8_t cipher_key[CIPHER_KEY_SIZE];

    int result = make_cipher_key(use, context, prefix, cipher_key, error);
    if (result == 0)
        result = crypto_aead(use->crypto, SWTPM_AES_256, direction,
                             (struct swtpm_bytes){cipher_key, sizeof cipher_key}, nonce,
                             context->associated_data, input, output, error);
    explicit_bzero(cipher_key, sizeof cipher_key);
    return result;
}

int gcm_encrypt(const struct key_use *use, const struct gcm_context *context,
                struct swtpm_bytes plain, struct buffer *encrypted, struct error *error)
{
    struct buffer made = {0};

    if (buffer_reserve(&made, gcm_encrypted_size(plain.size)) != 0) {
        error_set(error, "no memory to encrypt it");
        return SWTPM_PLUGIN_NO_MEMORY;
    }
    made.size = gcm_encrypted_size(plain.size);
    struct swtpm_buffer output = {made.data + PREFIX_SIZE, made.size - PREFIX_SIZE};
    int result = crypto_random(use->crypto, (struct swtpm_buffer){made.data, PREFIX_SIZE}, error);
    if (result == 0)
        result = run(use, context, SWTPM_ENCRYPT, made.data, plain, output, error);
    if (result == 0)
        buffer_move(encrypted, &made);
    buffer_free(&made);
    return result;
}

TPM_RESULT gcm_decrypt(const struct key_use *use, const struct gcm_context *context,
                       struct swtpm_bytes encrypted, struct buffer *plain, struct error *error)
{
    const uint8_t *bytes = encrypted.data;
    struct buffer made = {0};

    if (encrypted.size < gcm_encrypted_size(0)) {
        error_set(error, "damaged: its encrypted content has %zu bytes", encrypted.size);
        return TPM_DECRYPT_ERROR;
    }
    size_t size = encrypted.size - gcm_encrypted_size(0);
    if (buffer_reserve(&made, size) != 0) {
        error_set(error, "no memory to decrypt it");
        return TPM_RESOURCES;
    }
    made.size = size;
    struct swtpm_bytes input = {bytes + PREFIX_SIZE, encrypted.size - PREFIX_SIZE};
    int result = run(use, context, SWTPM_DECRYPT, bytes, input,
                     (struct swtpm_buffer){made.data, made.size}, error);
    if (result == 0)
        buffer_move(plain, &made);
    buffer_free(&made);
    if (result != SWTPM_PLUGIN_CORRUPT)
        return tpm_result_of_crypto(result);
    error_set(error, "the key of option %s is wrong, or the content was changed or moved here from "
                     "another TPM, state or TPM version: its tag does not verify", use->option);
    return TPM_DECRYPT_ERROR;
}
