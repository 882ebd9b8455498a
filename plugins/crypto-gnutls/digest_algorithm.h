/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CRYPTO_GNUTLS_DIGEST_ALGORITHM_H
#define CRYPTO_GNUTLS_DIGEST_ALGORITHM_H

#include <gnutls/gnutls.h>

#include "swtpm_plugin.h"

#define DIGEST_SIZE_MAX 64

/* GnuTLS' names for an enum swtpm_digest_algorithm. */
struct digest_algorithm {
    gnutls_digest_algorithm_t digest;
    gnutls_mac_algorithm_t mac;
    size_t size; /* of the digest, in bytes */
};

/* 0, or UNSUPPORTED with a message. */
int digest_algorithm_find(uint32_t algorithm, struct digest_algorithm *found,
                          struct swtpm_plugin_error *error);

/* The same, and INVALID if an output of `output_size` bytes does not fit a digest. */
int digest_algorithm_for_output(uint32_t algorithm, size_t output_size,
                                struct digest_algorithm *found, struct swtpm_plugin_error *error);

#endif
