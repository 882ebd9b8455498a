/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/crypto.h"

#include <stdlib.h>

#include "plugin/descriptor.h"
#include "plugin/result.h"

struct crypto {
    const struct swtpm_plugin *descriptor;
    struct swtpm_crypto_ops ops;
    struct crypto *next;
};

/* As for storage plugins: never unloaded, loaded before the process has threads. */
static struct crypto *loaded_plugins;

static const struct crypto *find_loaded(const struct swtpm_plugin *descriptor)
{
    const struct crypto *crypto = loaded_plugins;
    while (crypto != NULL && crypto->descriptor != descriptor)
        crypto = crypto->next;
    return crypto;
}

static const struct crypto *add_loaded(const struct swtpm_plugin *descriptor, struct error *error)
{
    struct crypto *crypto = malloc(sizeof *crypto);
    if (crypto == NULL) {
        error_set(error, "no memory for crypto plugin '%s'", descriptor->name);
        return NULL;
    }
    *crypto = (struct crypto){.descriptor = descriptor, .next = loaded_plugins};
    plugin_ops_copy(&crypto->ops, sizeof crypto->ops, descriptor->ops.crypto, descriptor->ops_size);
    loaded_plugins = crypto;
    return crypto;
}

int crypto_load(const struct plugin_search *search, const char *name, const struct crypto **crypto,
                struct error *error)
{
    const struct swtpm_plugin *descriptor = plugin_load(search, SWTPM_PLUGIN_CRYPTO, name, error);
    if (descriptor == NULL)
        return -1;
    const struct crypto *found = find_loaded(descriptor);
    if (found == NULL)
        found = add_loaded(descriptor, error);
    if (found == NULL)
        return -1;
    *crypto = found;
    return 0;
}

const struct swtpm_plugin *crypto_descriptor(const struct crypto *crypto)
{
    return crypto->descriptor;
}

/* Callers take these codes as a verdict on a state, and the only computation that can give one is
 * the check of a tag. */
static int finish(const struct crypto *crypto, int code, struct swtpm_plugin_error *plugin_error,
                  struct error *error)
{
    int result = plugin_result(crypto->descriptor, code, plugin_error, error);

    return result == SWTPM_PLUGIN_CORRUPT || result == SWTPM_PLUGIN_DENIED ? SWTPM_PLUGIN_IO
                                                                           : result;
}

int crypto_random(const struct crypto *crypto, struct swtpm_buffer output, struct error *error)
{
    struct swtpm_plugin_error plugin_error;

    plugin_error_clear(&plugin_error);
    int code = crypto->ops.random(output, &plugin_error);
    return finish(crypto, code, &plugin_error, error);
}

int crypto_digest(const struct crypto *crypto, enum swtpm_digest_algorithm algorithm,
                  struct swtpm_bytes input, struct swtpm_buffer output, struct error *error)
{
    struct swtpm_plugin_error plugin_error;

    plugin_error_clear(&plugin_error);
    int code = crypto->ops.digest(algorithm, input, output, &plugin_error);
    return finish(crypto, code, &plugin_error, error);
}

int crypto_hmac(const struct crypto *crypto, enum swtpm_digest_algorithm algorithm,
                struct swtpm_bytes key, struct swtpm_bytes input, struct swtpm_buffer output,
                struct error *error)
{
    struct swtpm_plugin_error plugin_error;

    plugin_error_clear(&plugin_error);
    int code = crypto->ops.hmac(algorithm, key, input, output, &plugin_error);
    return finish(crypto, code, &plugin_error, error);
}

int crypto_cbc(const struct crypto *crypto, enum swtpm_cipher_algorithm algorithm,
               enum swtpm_cipher_direction direction, struct swtpm_bytes key,
               struct swtpm_bytes initialization_vector, struct swtpm_bytes input,
               struct swtpm_buffer output, struct error *error)
{
    struct swtpm_plugin_error plugin_error;

    plugin_error_clear(&plugin_error);
    int code = crypto->ops.cbc(algorithm, direction, key, initialization_vector, input, output,
                               &plugin_error);
    return finish(crypto, code, &plugin_error, error);
}

int crypto_aead(const struct crypto *crypto, enum swtpm_cipher_algorithm algorithm,
                enum swtpm_cipher_direction direction, struct swtpm_bytes key,
                struct swtpm_bytes nonce, struct swtpm_bytes associated_data,
                struct swtpm_bytes input, struct swtpm_buffer output, struct error *error)
{
    struct swtpm_plugin_error plugin_error;

    plugin_error_clear(&plugin_error);
    int code = crypto->ops.aead(algorithm, direction, key, nonce, associated_data, input, output,
                                &plugin_error);
    return plugin_result(crypto->descriptor, code, &plugin_error, error);
}

int crypto_hkdf(const struct crypto *crypto, enum swtpm_digest_algorithm algorithm,
                struct swtpm_bytes key, struct swtpm_bytes salt, struct swtpm_bytes info,
                struct swtpm_buffer output, struct error *error)
{
    struct swtpm_plugin_error plugin_error;

    plugin_error_clear(&plugin_error);
    int code = crypto->ops.hkdf(algorithm, key, salt, info, output, &plugin_error);
    return finish(crypto, code, &plugin_error, error);
}

int crypto_pbkdf2(const struct crypto *crypto, enum swtpm_digest_algorithm algorithm,
                  struct swtpm_bytes password, struct swtpm_bytes salt, uint32_t rounds,
                  struct swtpm_buffer output, struct error *error)
{
    struct swtpm_plugin_error plugin_error;

    plugin_error_clear(&plugin_error);
    int code = crypto->ops.pbkdf2(algorithm, password, salt, rounds, output, &plugin_error);
    return finish(crypto, code, &plugin_error, error);
}
