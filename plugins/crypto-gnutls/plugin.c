/* SPDX-License-Identifier: BSD-3-Clause */
#include "ops.h"

/* GnuTLS' generator calls getrandom(2) and reads clocks, which every host allows. */
static const char *const system_calls[] = {NULL};

static const struct swtpm_crypto_ops ops = {
    .random = random_op,
    .digest = digest_op,
    .hmac = hmac_op,
    .cbc = cbc_op,
    .aead = aead_op,
    .hkdf = hkdf_op,
    .pbkdf2 = pbkdf2_op,
};

const struct swtpm_plugin swtpm_plugin = {
    .magic = SWTPM_PLUGIN_MAGIC,
    .abi = SWTPM_PLUGIN_ABI,
    .kind = SWTPM_PLUGIN_CRYPTO,
    .ops_size = sizeof ops,
    .name = "gnutls",
    .version = PROJECT_VERSION,
    .summary = "Ciphers, digests, key derivation and random bytes of GnuTLS",
    .system_calls = system_calls,
    .ops = {.crypto = &ops},
};
