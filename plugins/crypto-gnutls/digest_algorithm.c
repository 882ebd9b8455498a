/* SPDX-License-Identifier: BSD-3-Clause */
#include "digest_algorithm.h"

#include "result.h"

int digest_algorithm_find(uint32_t algorithm, struct digest_algorithm *found,
                          struct swtpm_plugin_error *error)
{
    switch (algorithm) {
    case SWTPM_SHA256:
        *found = (struct digest_algorithm){GNUTLS_DIG_SHA256, GNUTLS_MAC_SHA256, 32};
        return SWTPM_PLUGIN_OK;
    case SWTPM_SHA512:
        *found = (struct digest_algorithm){GNUTLS_DIG_SHA512, GNUTLS_MAC_SHA512, 64};
        return SWTPM_PLUGIN_OK;
    default:
        return fail(error, SWTPM_PLUGIN_UNSUPPORTED, "digest algorithm %u is not known here",
                    algorithm);
    }
}

int digest_algorithm_for_output(uint32_t algorithm, size_t output_size,
                                struct digest_algorithm *found, struct swtpm_plugin_error *error)
{
    int result = digest_algorithm_find(algorithm, found, error);
    if (result == SWTPM_PLUGIN_OK && output_size != found->size)
        result = fail(error, SWTPM_PLUGIN_INVALID,
                      "a digest of %zu bytes does not fit an output of %zu", found->size,
                      output_size);
    return result;
}
