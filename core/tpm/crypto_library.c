/* SPDX-License-Identifier: BSD-3-Clause */
#include "tpm/crypto_library.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* From openssl/crypto.h, evp.h and rand.h, but declared here, and weak: libtpms alone decides which
 * library there is. */
#define OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS UINT64_C(0x1)
#define OPENSSL_INIT_LOAD_CONFIG UINT64_C(0x40)
/* RAND_METHOD of RAND_set_rand_method(3). */
struct random_method {
    int (*seed)(const void *from, int size);
    int (*bytes)(unsigned char *to, int size);
    void (*cleanup)(void);
    int (*add)(const void *from, int size, double entropy);
    int (*pseudorandom)(unsigned char *to, int size);
    int (*status)(void);
};
int CRYPTO_set_mem_functions(void *(*allocate)(size_t size, const char *file, int line),
                             void *(*resize)(void *old, size_t size, const char *file, int line),
                             void (*release)(void *old, const char *file, int line))
    __attribute__((weak));
int OPENSSL_init_crypto(uint64_t options, const void *settings) __attribute__((weak));
int EVP_default_properties_is_fips_enabled(void *context) __attribute__((weak));
int RAND_set_rand_method(const struct random_method *method) __attribute__((weak));
int RAND_bytes(unsigned char *to, int size) __attribute__((weak));

static bool has_failed;

/* ------------------------------------------------------------------------------ memory */

static void *noted(void *got)
{
    if (got == NULL)
        has_failed = true;
    return got;
}

/* As OpenSSL's own does, gives NULL for a size of 0, which is no failure. */
static void *allocate(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size == 0 ? NULL : noted(malloc(size));
}

static void release(void *old, const char *file, int line)
{
    (void)file;
    (void)line;
    free(old);
}

static void *resize(void *old, size_t size, const char *file, int line)
{
    if (size > 0)
        return noted(realloc(old, size));
    release(old, file, line);
    return NULL;
}

/* ----------------------------------------------------------------------- random method */

static int fill_with_random(unsigned char *to, int size)
{
    int filled = 0;

    while (filled < size) {
        ssize_t got = getrandom(to + filled, (size_t)(size - filled), 0);

        if (got < 0 && errno != EINTR) {
            has_failed = true;
            return 0;
        }
        if (got > 0)
            filled += (int)got;
    }
    return 1;
}

/* The kernel's generator needs no seed from libtpms. */
static int ignore_seed(const void *from, int size)
{
    (void)from;
    (void)size;
    return 1;
}

static int ignore_addition(const void *from, int size, double entropy)
{
    (void)entropy;
    return ignore_seed(from, size);
}

static int is_ready(void)
{
    return 1;
}

static const struct random_method kernel_random = {
    .seed = ignore_seed,
    .bytes = fill_with_random,
    .add = ignore_addition,
    .pseudorandom = fill_with_random,
    .status = is_ready,
};

/* A configuration that demands FIPS demands its generator, too. */
static bool is_fips_demanded(void)
{
    return EVP_default_properties_is_fips_enabled != NULL &&
           EVP_default_properties_is_fips_enabled(NULL) == 1;
}

/* ----------------------------------------------------------------------------- interface */

void crypto_library_configure(void)
{
    /* Refused, and without harm, once OpenSSL has memory of its own. */
    if (CRYPTO_set_mem_functions != NULL)
        CRYPTO_set_mem_functions(allocate, resize, release);
    /* A configuration that it cannot use is its own affair, as in every other program. */
    if (OPENSSL_init_crypto != NULL)
        OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_LOAD_CONFIG, NULL);
    if (RAND_set_rand_method != NULL && !is_fips_demanded())
        RAND_set_rand_method(&kernel_random);
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

void crypto_library_forget_failure(void)
{
    has_failed = false;
}

bool crypto_library_has_failed(void)
{
    return has_failed;
}
