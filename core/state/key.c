/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "state/key_file.h"
#include "state/key_hex.h"
#include "state/key_use.h"
#include "state/secret_memory.h"
#include "state/strong_key.h"

/* In secret memory as a whole. */
struct state_key {
    const struct crypto *crypto;
    char option[24];
    enum key_mode mode;
    size_t size;               /* in bytes */
    uint8_t bytes[32];         /* unused with a strong key */
    struct strong_key *strong; /* &strong_memory, or NULL: the key stands in `bytes` */
    struct strong_key strong_memory;
};

static size_t size_of_mode(enum key_mode mode)
{
    return mode == KEY_MODE_AES_128_CBC ? 16 : 32;
}

/* ------------------------------------------------------------------------------------ loading */

static int take_binary(struct state_key *key, struct swtpm_bytes contents, struct error *error)
{
    if (contents.size != key->size) {
        error_set(error, "%zu bytes where a key of %zu bits has %zu%s%s", contents.size,
                  8 * key->size, key->size, key_size_advice(contents.size),
                  contents.size >= 2 * key->size
                      ? "; for a key in hexadecimal digits say format=hex" : "");
        return -1;
    }
    memcpy(key->bytes, contents.data, key->size);
    return 0;
}

static int derive_by_pbkdf2(struct state_key *key, struct swtpm_bytes passphrase,
                            struct error *error)
{
    /* What the original does (doc/state-format.md §6), kept so that its states open. */
    enum { ROUNDS = 1000 };
    const struct swtpm_bytes salt = {"swtpm", strlen("swtpm")};

    return crypto_pbkdf2(key->crypto, SWTPM_SHA512, passphrase, salt, ROUNDS,
                         (struct swtpm_buffer){key->bytes, key->size}, error);
}

static int derive_by_sha512(struct state_key *key, struct swtpm_bytes passphrase,
                            struct error *error)
{
    uint8_t digest[64];

    int result = crypto_digest(key->crypto, SWTPM_SHA512, passphrase,
                               (struct swtpm_buffer){digest, sizeof digest}, error);
    if (result == 0)
        memcpy(key->bytes, digest, key->size);
    explicit_bzero(digest, sizeof digest);
    return result;
}

static int take_passphrase(struct state_key *key, enum key_derivation derivation,
                           struct swtpm_bytes passphrase, struct error *error)
{
    if (passphrase.size == 0) {
        error_set(error, "the passphrase is empty; write one into the file");
        return -1;
    }
    switch (derivation) {
    case KEY_DERIVATION_PBKDF2:
        return derive_by_pbkdf2(key, passphrase, error);
    case KEY_DERIVATION_SHA512:
        return derive_by_sha512(key, passphrase, error);
    case KEY_DERIVATION_PBKDF2_STRONG:
        key->strong = &key->strong_memory;
        return strong_key_init(key->strong, key->crypto, passphrase, error);
    }
    error_set(error, "key derivation %d is not known", (int)derivation);
    return -1;
}

static int take_contents(struct state_key *key, const struct key_parameters *parameters,
                         const struct key_file *file, struct error *error)
{
    const struct swtpm_bytes contents = {file->bytes, file->size};
    int result;

    if (parameters->password_file != NULL || parameters->password_fd >= 0)
        result = take_passphrase(key, parameters->derivation, contents, error);
    else if (parameters->format == KEY_FORMAT_HEX)
        result = key_hex_parse(contents, (struct swtpm_buffer){key->bytes, key->size}, error);
    else
        result = take_binary(key, contents, error);
    if (result != 0)
        error_prefix(error, "option %s: %s: ", parameters->option, file->name);
    return result == 0 ? 0 : -1;
}

int state_key_load(const struct key_parameters *parameters, const struct crypto *crypto,
                   struct state_key **key, struct error *error)
{
    struct key_file file;

    if (key_file_read(parameters, &file, error) != 0)
        return -1;
    struct state_key *made = secret_memory_new(sizeof *made);
    int result = -1;
    if (made == NULL) {
        error_set(error, "option %s: no memory for the key: %s", parameters->option,
                  strerror(errno));
    } else {
        made->crypto = crypto;
        made->mode = parameters->mode;
        made->size = size_of_mode(parameters->mode);
        snprintf(made->option, sizeof made->option, "%s", parameters->option);
        result = take_contents(made, parameters, &file, error);
    }
    if (result == 0 && parameters->remove)
        result = key_file_remove(parameters, error);
    key_file_free(&file);
    if (result == 0)
        *key = made;
    else
        state_key_free(made);
    return result;
}

void state_key_free(struct state_key *key)
{
    secret_memory_free(key, sizeof *key);
}

/* ---------------------------------------------------------------------------------------- use */

static void set_use(const struct state_key *key, struct key_use *use)
{
    *use = (struct key_use){.crypto = key->crypto,
                            .option = key->option,
                            .mode = key->mode,
                            .bytes = {key->bytes, key->size}};
    if (key->strong != NULL) {
        use->bytes.data = key->strong->key;
        use->parameters =
            (struct swtpm_bytes){key->strong->parameters, key->strong->parameters_size};
    }
}

int key_use_for_wrapping(const struct state_key *key, struct key_use *use, struct error *error)
{
    int result = 0;

    if (key->strong != NULL)
        result = strong_key_derive_any(key->strong, key->crypto, key->size, error);
    if (result == 0)
        set_use(key, use);
    return result;
}

int key_use_for_unwrapping(const struct state_key *key, struct swtpm_bytes parameters,
                           struct key_use *use, struct error *error)
{
    int result = 0;

    if ((key->strong != NULL) != (parameters.size > 0)) {
        error_set(error, parameters.size > 0
                             ? "its key comes from a passphrase with kdf=pbkdf2-strong; say so in "
                               "option %s"
                             : "its key does not come from a passphrase with kdf=pbkdf2-strong, as "
                               "option %s says", key->option);
        return SWTPM_PLUGIN_DENIED;
    }
    if (key->strong != NULL)
        result = strong_key_derive(key->strong, key->crypto, key->size, parameters, error);
    if (result == 0)
        set_use(key, use);
    return result;
}

void key_use_prove(const struct state_key *key)
{
    if (key->strong != NULL)
        key->strong->proven = true;
}
