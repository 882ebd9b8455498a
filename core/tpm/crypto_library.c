/* SPDX-License-Identifier: BSD-3-Clause */
#include "tpm/crypto_library.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* OPENSSL_init_crypto(3) and RAND_bytes(3), weak and declared here: libtpms alone decides about the
 * library. */
#define OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS UINT64_C(0x1)
#define OPENSSL_INIT_LOAD_CONFIG UINT64_C(0x40)
int OPENSSL_init_crypto(uint64_t options, const void *settings) __attribute__((weak));
int RAND_bytes(unsigned char *to, int size) __attribute__((weak));

void crypto_library_configure(void)
{
    /* A configuration that it cannot use is its own affair, as in every other program. */
    if (OPENSSL_init_crypto != NULL)
        OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_LOAD_CONFIG, NULL);
}

bool crypto_library_is_random(void)
{
    unsigned char bytes[16];

    if (RAND_bytes == NULL)
        return true;
    bool random = RAND_bytes(bytes, sizeof bytes) == 1;
    explicit_bzero(bytes, sizeof bytes);
    return random;
}
