/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/cbc_hmac.h"

#include <string.h>

#include <libtpms/tpm_error.h>

#include "state/result.h"
#include "util/constant_time.h"

static const uint8_t zeros[SWTPM_AES_BLOCK_SIZE];

static enum swtpm_cipher_algorithm algorithm(const struct key_use *use)
{
    return use->bytes.size == 16 ? SWTPM_AES_128 : SWTPM_AES_256;
}

size_t cbc_hmac_ciphertext_size(const struct key_use *use, size_t size)
{
    return size + use->bytes.size - size % use->bytes.size;
}

size_t cbc_hmac_iv_size(const struct key_use *use)
{
    return use->bytes.size;
}

static int refuse_no_memory(struct error *error)
{
    error_set(error, "no memory to encrypt or decrypt it");
    return SWTPM_PLUGIN_NO_MEMORY;
}

/* ----------------------------------------------------------------------------------- encrypt */

/* Plain bytes and padding, room for the IV and the HMAC. */
static int lay_out(const struct key_use *use, struct swtpm_bytes plain, struct buffer *memory)
{
    size_t ciphertext_size = cbc_hmac_ciphertext_size(use, plain.size);
    size_t padding = ciphertext_size - plain.size;
    size_t total = ciphertext_size + cbc_hmac_iv_size(use) + CBC_HMAC_SIZE;

    buffer_clear(memory);
    if (buffer_reserve(memory, total) != 0 ||
        buffer_append(memory, plain.data, plain.size) != 0)
        return -1;
    memset(memory->data + plain.size, (int)padding, padding);
    memory->size = total;
    return 0;
}

int cbc_hmac_encrypt(const struct key_use *use, struct swtpm_bytes plain, struct buffer *memory,
                     struct cbc_hmac_item *item, struct error *error)
{
    size_t ciphertext_size = cbc_hmac_ciphertext_size(use, plain.size);
    size_t iv_size = cbc_hmac_iv_size(use);

    if (lay_out(use, plain, memory) != 0)
        return refuse_no_memory(error);
    struct swtpm_buffer ciphertext = {memory->data, ciphertext_size};
    struct swtpm_buffer iv = {memory->data + ciphertext_size, iv_size};
    struct swtpm_buffer hmac = {memory->data + ciphertext_size + iv_size, CBC_HMAC_SIZE};
    *item = (struct cbc_hmac_item){.ciphertext = {ciphertext.data, ciphertext.size},
                                   .initialization_vector = {iv.data, iv.size},
                                   .hmac = {hmac.data, hmac.size}};
    int result = crypto_random(use->crypto, iv, error);
    if (result == 0)
        result = crypto_cbc(use->crypto, algorithm(use), SWTPM_ENCRYPT, use->bytes,
                            (struct swtpm_bytes){iv.data, SWTPM_AES_BLOCK_SIZE},
                            item->ciphertext, ciphertext, error);
    if (result == 0)
        result = crypto_hmac(use->crypto, SWTPM_SHA256, use->bytes,
                             (struct swtpm_bytes){memory->data, ciphertext_size + iv_size}, hmac,
                             error);
    if (result != 0)
        buffer_clear(memory);
    return result;
}

/* ----------------------------------------------------------------------------------- decrypt */

static TPM_RESULT refuse_damaged(const char *what, size_t size, struct error *error)
{
    error_set(error, "damaged: %s has %zu bytes", what, size);
    return TPM_DECRYPT_ERROR;
}

static TPM_RESULT check_sizes(const struct key_use *use, const struct cbc_hmac_item *item,
                              struct error *error)
{
    size_t iv_size = item->initialization_vector.size;

    if (item->ciphertext.size == 0 || item->ciphertext.size % SWTPM_AES_BLOCK_SIZE != 0)
        return refuse_damaged("its ciphertext", item->ciphertext.size, error);
    if (iv_size != 0 && iv_size != cbc_hmac_iv_size(use))
        return refuse_damaged("its IV", iv_size, error);
    if (item->hmac.size != CBC_HMAC_SIZE)
        return refuse_damaged("its HMAC", item->hmac.size, error);
    return TPM_SUCCESS;
}

static TPM_RESULT verify_hmac(const struct key_use *use, const struct cbc_hmac_item *item,
                              struct error *error)
{
    struct buffer covered = {0};
    uint8_t hmac[CBC_HMAC_SIZE];
    int result;

    if (buffer_append(&covered, item->ciphertext.data, item->ciphertext.size) != 0 ||
        buffer_append(&covered, item->initialization_vector.data,
                      item->initialization_vector.size) != 0)
        result = refuse_no_memory(error);
    else
        result = crypto_hmac(use->crypto, SWTPM_SHA256, use->bytes,
                             (struct swtpm_bytes){covered.data, covered.size},
                             (struct swtpm_buffer){hmac, sizeof hmac}, error);
    buffer_free(&covered);
    if (result != 0)
        return tpm_result_of_crypto(result);
    if (!constant_time_equal(hmac, item->hmac.data, sizeof hmac)) {
        error_set(error, "the key of option %s is wrong, or the content was changed: its HMAC does "
                         "not verify", use->option);
        return TPM_DECRYPT_ERROR;
    }
    return TPM_SUCCESS;
}

static int decrypt(const struct key_use *use, struct swtpm_bytes iv, struct swtpm_bytes ciphertext,
                   struct buffer *plain, struct error *error)
{
    if (buffer_reserve(plain, ciphertext.size) != 0)
        return refuse_no_memory(error);
    plain->size = ciphertext.size;
    return crypto_cbc(use->crypto, algorithm(use), SWTPM_DECRYPT, use->bytes,
                      (struct swtpm_bytes){iv.data, SWTPM_AES_BLOCK_SIZE}, ciphertext,
                      (struct swtpm_buffer){plain->data, plain->size}, error);
}

/* Each byte of the padding is its length, which is at most that of the longest key. */
static TPM_RESULT remove_padding(struct buffer *plain, struct error *error)
{
    enum { LONGEST = 32 };
    size_t padding = plain->data[plain->size - 1];
    uint8_t wrong = padding == 0 || padding > LONGEST || padding > plain->size;

    for (size_t i = 1; !wrong && i <= padding; i++)
        wrong |= plain->data[plain->size - i] != padding;
    if (wrong) {
        error_set(error, "its padding is wrong");
        return TPM_DECRYPT_ERROR;
    }
    plain->size -= padding;
    return TPM_SUCCESS;
}

TPM_RESULT cbc_hmac_decrypt(const struct key_use *use, const struct cbc_hmac_item *item,
                            struct buffer *plain, struct error *error)
{
    struct swtpm_bytes iv = item->initialization_vector;
    struct buffer decrypted = {0};

    TPM_RESULT result = check_sizes(use, item, error);
    if (result == TPM_SUCCESS)
        result = verify_hmac(use, item, error);
    if (result != TPM_SUCCESS)
        return result;
    if (iv.size == 0)
        iv.data = zeros;
    result = tpm_result_of_crypto(decrypt(use, iv, item->ciphertext, &decrypted, error));
    if (result == TPM_SUCCESS)
        result = remove_padding(&decrypted, error);
    if (result == TPM_SUCCESS)
        buffer_move(plain, &decrypted);
    buffer_free(&decrypted);
    return result;
}

/* ---------------------------------------------------------------------------------- version 1 */

static TPM_RESULT verify_digest(const struct key_use *use, const struct buffer *decrypted,
                                struct swtpm_bytes *data, struct error *error)
{
    enum { DIGEST_SIZE = 32 };
    uint8_t digest[DIGEST_SIZE];

    if (decrypted->size < DIGEST_SIZE)
        return refuse_damaged("its decrypted content", decrypted->size, error);
    *data = (struct swtpm_bytes){decrypted->data + DIGEST_SIZE, decrypted->size - DIGEST_SIZE};
    TPM_RESULT result = tpm_result_of_crypto(
        crypto_digest(use->crypto, SWTPM_SHA256, *data,
                      (struct swtpm_buffer){digest, sizeof digest}, error));
    if (result == TPM_SUCCESS && !constant_time_equal(digest, decrypted->data, sizeof digest)) {
        error_set(error, "its digest does not verify");
        result = TPM_DECRYPT_ERROR;
    }
    return result;
}

TPM_RESULT cbc_digest_decrypt(const struct key_use *use, struct swtpm_bytes ciphertext,
                              struct buffer *plain, struct error *error)
{
    struct buffer decrypted = {0};
    struct buffer copy = {0};
    struct swtpm_bytes data;

    if (ciphertext.size == 0 || ciphertext.size % SWTPM_AES_BLOCK_SIZE != 0)
        return refuse_damaged("its ciphertext", ciphertext.size, error);
    TPM_RESULT result = tpm_result_of_crypto(decrypt(use, (struct swtpm_bytes){zeros, sizeof zeros},
                                           ciphertext, &decrypted, error));
    if (result == TPM_SUCCESS)
        result = remove_padding(&decrypted, error);
    if (result == TPM_SUCCESS)
        result = verify_digest(use, &decrypted, &data, error);
    /* Nothing is authenticated before decryption here, so the ways to fail must look alike. */
    if (result == TPM_DECRYPT_ERROR)
        error_set(error, "the key of option %s is wrong, or the content was changed", use->option);
    if (result == TPM_SUCCESS && buffer_append(&copy, data.data, data.size) != 0)
        result = tpm_result(refuse_no_memory(error));
    if (result == TPM_SUCCESS)
        buffer_move(plain, &copy);
    buffer_free(&decrypted);
    buffer_free(&copy);
    return result;
}
