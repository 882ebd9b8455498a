/* SPDX-License-Identifier: BSD-3-Clause */
#include "linked_crypto.h"

#include "swtpm_plugin.h"

#define OPS (swtpm_plugin.ops.crypto)

static int broken;
static unsigned good_calls;
static bool failed;
static unsigned derivations;

const struct crypto *linked_crypto(void)
{
    return NULL;
}

void linked_crypto_break(unsigned after, int code)
{
    broken = code;
    good_calls = after;
    failed = false;
}

bool linked_crypto_has_failed(void)
{
    return failed;
}

unsigned linked_crypto_derivations(void)
{
    return derivations;
}

static bool fails_now(void)
{
    if (broken == 0 || failed)
        return false;
    failed = good_calls-- == 0;
    return failed;
}

static int finish(int code, const struct swtpm_plugin_error *plugin_error, struct error *error)
{
    if (code != 0)
        error_set(error, "linked: %s", plugin_error->message);
    return code;
}

#define FORWARD(call)                                                                              \
    do {                                                                                           \
        struct swtpm_plugin_error plugin_error = {"broken on purpose"};                            \
        (void)crypto;                                                                              \
        return finish(fails_now() ? broken : OPS->call, &plugin_error, error);                     \
    } while (0)

int crypto_random(const struct crypto *crypto, struct swtpm_buffer output, struct error *error)
{
    FORWARD(random(output, &plugin_error));
}

int crypto_digest(const struct crypto *crypto, enum swtpm_digest_algorithm algorithm,
                  struct swtpm_bytes input, struct swtpm_buffer output, struct error *error)
{
    FORWARD(digest(algorithm, input, output, &plugin_error));
}

int crypto_hmac(const struct crypto *crypto, enum swtpm_digest_algorithm algorithm,
                struct swtpm_bytes key, struct swtpm_bytes input, struct swtpm_buffer output,
                struct error *error)
{
    FORWARD(hmac(algorithm, key, input, output, &plugin_error));
}

int crypto_cbc(const struct crypto *crypto, enum swtpm_cipher_algorithm algorithm,
               enum swtpm_cipher_direction direction, struct swtpm_bytes key,
               struct swtpm_bytes initialization_vector, struct swtpm_bytes input,
               struct swtpm_buffer output, struct error *error)
{
    FORWARD(cbc(algorithm, direction, key, initialization_vector, input, output, &plugin_error));
}

int crypto_aead(const struct crypto *crypto, enum swtpm_cipher_algorithm algorithm,
                enum swtpm_cipher_direction direction, struct swtpm_bytes key,
                struct swtpm_bytes nonce, struct swtpm_bytes associated_data,
                struct swtpm_bytes input, struct swtpm_buffer output, struct error *error)
{
    FORWARD(aead(algorithm, direction, key, nonce, associated_data, input, output,
                 &plugin_error));
}

int crypto_hkdf(const struct crypto *crypto, enum swtpm_digest_algorithm algorithm,
                struct swtpm_bytes key, struct swtpm_bytes salt, struct swtpm_bytes info,
                struct swtpm_buffer output, struct error *error)
{
    FORWARD(hkdf(algorithm, key, salt, info, output, &plugin_error));
}

int crypto_pbkdf2(const struct crypto *crypto, enum swtpm_digest_algorithm algorithm,
                  struct swtpm_bytes password, struct swtpm_bytes salt, uint32_t rounds,
                  struct swtpm_buffer output, struct error *error)
{
    derivations++;
    if (rounds > 10000)
        rounds = 3 + rounds % 997;
    FORWARD(pbkdf2(algorithm, password, salt, rounds, output, &plugin_error));
}
