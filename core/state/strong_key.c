/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/strong_key.h"

#include <string.h>

#include "util/big_endian.h"

enum parameter_offset {
    OFFSET_METHOD = 0,
    OFFSET_ROUNDS = 1,
    OFFSET_SALT = 5
};

enum { METHOD_PBKDF2_SHA512 = 1 };

int strong_key_init(struct strong_key *strong, const struct crypto *crypto,
                    struct swtpm_bytes passphrase, struct error *error)
{
    enum { SHA512_SIZE = 64 };

    if (passphrase.size <= sizeof strong->passphrase) {
        memcpy(strong->passphrase, passphrase.data, passphrase.size);
        strong->passphrase_size = passphrase.size;
        return 0;
    }
    /* HMAC does the same with a key above its block size (RFC 2104, section 2). */
    strong->passphrase_size = SHA512_SIZE;
    return crypto_digest(crypto, SWTPM_SHA512, passphrase,
                         (struct swtpm_buffer){strong->passphrase, SHA512_SIZE}, error);
}

static int check_parameters(struct swtpm_bytes parameters, struct error *error)
{
    const uint8_t *bytes = parameters.data;

    if (parameters.size < OFFSET_SALT + STRONG_KEY_SALT_MIN ||
        parameters.size > OFFSET_SALT + STRONG_KEY_SALT_MAX) {
        error_set(error, "damaged: %zu bytes of key derivation parameters", parameters.size);
        return SWTPM_PLUGIN_CORRUPT;
    }
    if (bytes[OFFSET_METHOD] != METHOD_PBKDF2_SHA512) {
        error_set(error, "damaged: key derivation method %u is not known", bytes[OFFSET_METHOD]);
        return SWTPM_PLUGIN_CORRUPT;
    }
    uint32_t rounds = big_endian_get32(bytes + OFFSET_ROUNDS);
    if (rounds < STRONG_KEY_ROUNDS || rounds > STRONG_KEY_ROUNDS_MAX) {
        error_set(error,
                  "damaged or hostile: it asks for %u rounds of key derivation, and %d to %d are "
                  "done here; put a copy of it back",
                  rounds, STRONG_KEY_ROUNDS, STRONG_KEY_ROUNDS_MAX);
        return SWTPM_PLUGIN_CORRUPT;
    }
    return 0;
}

static bool is_derived(const struct strong_key *strong, struct swtpm_bytes parameters)
{
    return strong->parameters_size > 0 && strong->parameters_size == parameters.size &&
           memcmp(strong->parameters, parameters.data, parameters.size) == 0;
}

int strong_key_derive(struct strong_key *strong, const struct crypto *crypto, size_t size,
                      struct swtpm_bytes parameters, struct error *error)
{
    if (is_derived(strong, parameters))
        return 0;
    int result = check_parameters(parameters, error);
    if (result != 0)
        return result;

    const uint8_t *bytes = parameters.data;
    struct swtpm_bytes passphrase = {strong->passphrase, strong->passphrase_size};
    struct swtpm_bytes salt = {bytes + OFFSET_SALT, parameters.size - OFFSET_SALT};
    /* Until it has succeeded there is no key. */
    strong->parameters_size = 0;
    strong->proven = false;
    result = crypto_pbkdf2(crypto, SWTPM_SHA512, passphrase, salt,
                           big_endian_get32(bytes + OFFSET_ROUNDS),
                           (struct swtpm_buffer){strong->key, size}, error);
    if (result != 0)
        return result;
    memcpy(strong->parameters, parameters.data, parameters.size);
    strong->parameters_size = parameters.size;
    return 0;
}

int strong_key_derive_any(struct strong_key *strong, const struct crypto *crypto, size_t size,
                          struct error *error)
{
    uint8_t parameters[STRONG_KEY_PARAMETERS_SIZE];

    if (strong->parameters_size > 0 && strong->proven)
        return 0;
    parameters[OFFSET_METHOD] = METHOD_PBKDF2_SHA512;
    big_endian_put32(parameters + OFFSET_ROUNDS, STRONG_KEY_ROUNDS);
    struct swtpm_buffer salt = {parameters + OFFSET_SALT, STRONG_KEY_SALT_SIZE};
    int result = crypto_random(crypto, salt, error);
    if (result != 0)
        return result;
    result = strong_key_derive(strong, crypto, size,
                               (struct swtpm_bytes){parameters, sizeof parameters}, error);
    if (result == 0)
        strong->proven = true;
    return result;
}
