/* SPDX-License-Identifier: BSD-3-Clause */
#include <gnutls/crypto.h>
#include <string.h>

#include "digest_algorithm.h"
#include "ops.h"
#include "result.h"

/* RFC 5869, section 2.3: the counter of the expansion has one byte. */
#define HKDF_MAX_BLOCKS 255

static int check_hkdf_sizes(const struct digest_algorithm *algorithm, struct swtpm_bytes key,
                            struct swtpm_bytes salt, struct swtpm_bytes info, size_t output_size,
                            struct swtpm_plugin_error *error)
{
    int result = check_size(error, "a key", key.size);
    if (result == SWTPM_PLUGIN_OK)
        result = check_size(error, "a salt", salt.size);
    if (result == SWTPM_PLUGIN_OK)
        result = check_size(error, "an info", info.size);
    if (result == SWTPM_PLUGIN_OK && output_size > HKDF_MAX_BLOCKS * algorithm->size)
        result = fail(error, SWTPM_PLUGIN_INVALID, "HKDF cannot give %zu bytes", output_size);
    return result;
}

int hkdf_op(uint32_t algorithm, struct swtpm_bytes key, struct swtpm_bytes salt,
            struct swtpm_bytes info, struct swtpm_buffer output, struct swtpm_plugin_error *error)
{
    struct digest_algorithm found;
    unsigned char pseudorandom_key[DIGEST_SIZE_MAX];

    int result = digest_algorithm_find(algorithm, &found, error);
    if (result == SWTPM_PLUGIN_OK)
        result = check_hkdf_sizes(&found, key, salt, info, output.size, error);
    if (result != SWTPM_PLUGIN_OK)
        return result;
    const gnutls_datum_t key_datum = datum(key);
    const gnutls_datum_t salt_datum = datum(salt);
    const gnutls_datum_t info_datum = datum(info);
    const gnutls_datum_t extracted = {.data = pseudorandom_key, .size = (unsigned)found.size};
    result = check(error, "gnutls_hkdf_extract",
                   gnutls_hkdf_extract(found.mac, &key_datum, &salt_datum, pseudorandom_key));
    if (result == SWTPM_PLUGIN_OK)
        result = check(error, "gnutls_hkdf_expand",
                       gnutls_hkdf_expand(found.mac, &extracted, &info_datum, output.data,
                                          output.size));
    explicit_bzero(pseudorandom_key, sizeof pseudorandom_key);
    return result;
}

int pbkdf2_op(uint32_t algorithm, struct swtpm_bytes password, struct swtpm_bytes salt,
              uint32_t rounds, struct swtpm_buffer output, struct swtpm_plugin_error *error)
{
    struct digest_algorithm found;

    int result = digest_algorithm_find(algorithm, &found, error);
    if (result == SWTPM_PLUGIN_OK)
        result = check_size(error, "a password", password.size);
    if (result == SWTPM_PLUGIN_OK)
        result = check_size(error, "a salt", salt.size);
    if (result == SWTPM_PLUGIN_OK && rounds == 0)
        result = fail(error, SWTPM_PLUGIN_INVALID, "PBKDF2 needs at least 1 round");
    if (result != SWTPM_PLUGIN_OK)
        return result;
    const gnutls_datum_t password_datum = datum(password);
    const gnutls_datum_t salt_datum = datum(salt);
    return check(error, "gnutls_pbkdf2",
                 gnutls_pbkdf2(found.mac, &password_datum, &salt_datum, rounds, output.data,
                               output.size));
}
