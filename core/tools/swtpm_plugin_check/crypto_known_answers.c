/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "tools/swtpm_plugin_check/checks.h"
#include "tools/swtpm_plugin_check/crypto_vectors.h"

/* Crypto ops against published known answers; the files of tests/vectors are linked in. */

#define VECTORS(name)                                                                              \
    extern const char _binary_tests_vectors_##name##_txt_start[];                                  \
    extern const char _binary_tests_vectors_##name##_txt_end[]

VECTORS(digest);
VECTORS(hmac);
VECTORS(aes_cbc);
VECTORS(aes_gcm);
VECTORS(hkdf);
VECTORS(pbkdf2);

#define RUN(subject, name)                                                                         \
    run(subject, _binary_tests_vectors_##name##_txt_start, _binary_tests_vectors_##name##_txt_end)

static void judge(void *context, const char *name, const char *failure)
{
    (void)context;
    check_that(failure == NULL, "%s: %s", name, failure);
}

static void run(const struct subject *subject, const char *start, const char *end)
{
    /* It is only read. */
    FILE *file = fmemopen((void *)(uintptr_t)start, (size_t)(end - start), "r");

    check_that(file != NULL, "no memory");
    int records = crypto_vectors_run(subject->plugin->ops.crypto, file, judge, NULL);
    fclose(file);
    check_that(records > 0, "there are no known answers");
}

void check_known_digests(const struct subject *subject)
{
    RUN(subject, digest);
}

void check_known_hmacs(const struct subject *subject)
{
    RUN(subject, hmac);
}

void check_known_cbc(const struct subject *subject)
{
    RUN(subject, aes_cbc);
}

void check_known_gcm(const struct subject *subject)
{
    RUN(subject, aes_gcm);
}

void check_known_hkdf(const struct subject *subject)
{
    RUN(subject, hkdf);
}

void check_known_pbkdf2(const struct subject *subject)
{
    RUN(subject, pbkdf2);
}
