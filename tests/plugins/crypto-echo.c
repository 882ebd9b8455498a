/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A crypto plugin that computes nothing: each op writes into its output, as text, what it was asked
 * for, so that a test sees that every argument arrived in its place.  An op that is asked for
 * something with "fail CODE" in it returns that code.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "swtpm_plugin.h"

/* `text` is what an op was asked for; a text that does not fit is a size that does not. */
static int echo(const char *text, struct swtpm_buffer output, struct swtpm_plugin_error *error)
{
    static const char fail[] = "fail ";
    const char *wanted = strstr(text, fail);
    size_t size = strlen(text) + 1;

    if (wanted != NULL) {
        snprintf(error->message, sizeof error->message, "failed as it was told");
        return (int)strtol(wanted + strlen(fail), NULL, 10);
    }
    if (size > output.size) {
        snprintf(error->message, sizeof error->message, "wanted room for %zu bytes", size);
        return SWTPM_PLUGIN_INVALID;
    }
    memcpy(output.data, text, size);
    return SWTPM_PLUGIN_OK;
}

/* For "%.*s": not all bytes are a text. */
#define TEXT(bytes) (int)(bytes).size, (const char *)(bytes).data

static int echo_random(struct swtpm_buffer output, struct swtpm_plugin_error *error)
{
    return echo("random", output, error);
}

static int echo_digest(uint32_t algorithm, struct swtpm_bytes input, struct swtpm_buffer output,
                       struct swtpm_plugin_error *error)
{
    char text[256];
    snprintf(text, sizeof text, "digest %" PRIu32 " input=%.*s", algorithm, TEXT(input));
    return echo(text, output, error);
}

static int echo_hmac(uint32_t algorithm, struct swtpm_bytes key, struct swtpm_bytes input,
                     struct swtpm_buffer output, struct swtpm_plugin_error *error)
{
    char text[256];
    snprintf(text, sizeof text, "hmac %" PRIu32 " key=%.*s input=%.*s", algorithm, TEXT(key),
             TEXT(input));
    return echo(text, output, error);
}

static int echo_cbc(uint32_t algorithm, uint32_t direction, struct swtpm_bytes key,
                    struct swtpm_bytes initialization_vector, struct swtpm_bytes input,
                    struct swtpm_buffer output, struct swtpm_plugin_error *error)
{
    char text[256];
    snprintf(text, sizeof text, "cbc %" PRIu32 " %" PRIu32 " key=%.*s iv=%.*s input=%.*s",
             algorithm, direction, TEXT(key), TEXT(initialization_vector), TEXT(input));
    return echo(text, output, error);
}

static int echo_aead(uint32_t algorithm, uint32_t direction, struct swtpm_bytes key,
                     struct swtpm_bytes nonce, struct swtpm_bytes associated_data,
                     struct swtpm_bytes input, struct swtpm_buffer output,
                     struct swtpm_plugin_error *error)
{
    char text[256];
    snprintf(text, sizeof text, "aead %" PRIu32 " %" PRIu32 " key=%.*s nonce=%.*s data=%.*s "
             "input=%.*s", algorithm, direction, TEXT(key), TEXT(nonce), TEXT(associated_data),
             TEXT(input));
    return echo(text, output, error);
}

static int echo_hkdf(uint32_t algorithm, struct swtpm_bytes key, struct swtpm_bytes salt,
                     struct swtpm_bytes info, struct swtpm_buffer output,
                     struct swtpm_plugin_error *error)
{
    char text[256];
    snprintf(text, sizeof text, "hkdf %" PRIu32 " key=%.*s salt=%.*s info=%.*s", algorithm,
             TEXT(key), TEXT(salt), TEXT(info));
    return echo(text, output, error);
}

static int echo_pbkdf2(uint32_t algorithm, struct swtpm_bytes password, struct swtpm_bytes salt,
                       uint32_t rounds, struct swtpm_buffer output,
                       struct swtpm_plugin_error *error)
{
    char text[256];
    snprintf(text, sizeof text, "pbkdf2 %" PRIu32 " password=%.*s salt=%.*s rounds=%" PRIu32,
             algorithm, TEXT(password), TEXT(salt), rounds);
    return echo(text, output, error);
}

static const char *const system_calls[] = {NULL};

static const struct swtpm_crypto_ops ops = {
    .random = echo_random,
    .digest = echo_digest,
    .hmac = echo_hmac,
    .cbc = echo_cbc,
    .aead = echo_aead,
    .hkdf = echo_hkdf,
    .pbkdf2 = echo_pbkdf2,
};

const struct swtpm_plugin swtpm_plugin = {
    .magic = SWTPM_PLUGIN_MAGIC,
    .abi = SWTPM_PLUGIN_ABI,
    .kind = SWTPM_PLUGIN_CRYPTO,
    .ops_size = sizeof ops,
    .name = "echo",
    .version = "1.0",
    .summary = "Repeats what it was asked for",
    .system_calls = system_calls,
    .ops = {.crypto = &ops},
};
