/* SPDX-License-Identifier: BSD-3-Clause */
#include <gnutls/crypto.h>

#include "digest_algorithm.h"
#include "ops.h"
#include "result.h"

int digest_op(uint32_t algorithm, struct swtpm_bytes input, struct swtpm_buffer output,
              struct swtpm_plugin_error *error)
{
    struct digest_algorithm found;

    int result = digest_algorithm_for_output(algorithm, output.size, &found, error);
    if (result != SWTPM_PLUGIN_OK)
        return result;
    return check(error, "gnutls_hash_fast",
                 gnutls_hash_fast(found.digest, input.data, input.size, output.data));
}

int hmac_op(uint32_t algorithm, struct swtpm_bytes key, struct swtpm_bytes input,
            struct swtpm_buffer output, struct swtpm_plugin_error *error)
{
    struct digest_algorithm found;

    int result = digest_algorithm_for_output(algorithm, output.size, &found, error);
    if (result != SWTPM_PLUGIN_OK)
        return result;
    return check(error, "gnutls_hmac_fast",
                 gnutls_hmac_fast(found.mac, key.data, key.size, input.data, input.size,
                                  output.data));
}
