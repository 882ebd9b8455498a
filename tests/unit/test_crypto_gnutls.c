/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tools/swtpm_plugin_check/crypto_vectors.h"
#include "swtpm_plugin.h"

/* The plugin's objects are linked in; what it takes to load it is tested with the loader. */
#define OPS (swtpm_plugin.ops.crypto)

static struct swtpm_plugin_error error;

static void count_failure(void *context, const char *name, const char *failure)
{
    unsigned *failures = context;

    if (failure != NULL) {
        print_error("%s: %s\n", name, failure);
        (*failures)++;
    }
}

static void run_vectors(const char *path, int expected_records)
{
    unsigned failures = 0;
    FILE *file = fopen(path, "re");

    if (file == NULL)
        fail_msg("cannot open '%s'; run the tests from the top of the tree", path);
    int records = crypto_vectors_run(OPS, file, count_failure, &failures);
    fclose(file);
    assert_int_equal(records, expected_records);
    assert_int_equal(failures, 0);
}

static void digests_have_the_known_answers(void **state)
{
    (void)state;
    run_vectors("tests/vectors/digest.txt", 196);
}

static void hmacs_have_the_known_answers(void **state)
{
    (void)state;
    run_vectors("tests/vectors/hmac.txt", 12);
}

static void cbc_has_the_known_answers(void **state)
{
    (void)state;
    run_vectors("tests/vectors/aes-cbc.txt", 118);
}

static void gcm_has_the_known_answers(void **state)
{
    (void)state;
    run_vectors("tests/vectors/aes-gcm.txt", 108);
}

static void hkdf_has_the_known_answers(void **state)
{
    (void)state;
    run_vectors("tests/vectors/hkdf.txt", 3);
}

static void pbkdf2_has_the_known_answers(void **state)
{
    (void)state;
    run_vectors("tests/vectors/pbkdf2.txt", 6);
}

static void random_bytes_differ_each_time(void **state)
{
    (void)state;
    uint8_t first[32] = {0};
    uint8_t second[32] = {0};

    assert_int_equal(OPS->random((struct swtpm_buffer){first, sizeof first}, &error), 0);
    assert_int_equal(OPS->random((struct swtpm_buffer){second, sizeof second}, &error), 0);
    assert_memory_not_equal(first, second, sizeof first);
    assert_int_equal(OPS->random((struct swtpm_buffer){NULL, 0}, &error), 0);
}

/* Refused with a message, and nothing written to the output. */
#define assert_refused(call, code)                                                                 \
    do {                                                                                           \
        memset(bytes, 0xa5, sizeof bytes);                                                         \
        error.message[0] = '\0';                                                                   \
        assert_int_equal(call, code);                                                              \
        assert_true(error.message[0] != '\0');                                                     \
        for (size_t i = 0; i < sizeof bytes; i++)                                                  \
            assert_int_equal(bytes[i], 0xa5);                                                      \
    } while (0)

static struct swtpm_bytes zeros(size_t size)
{
    static const uint8_t zero[64];
    return (struct swtpm_bytes){zero, size};
}

static void unknown_algorithms_are_unsupported(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct swtpm_buffer to = {bytes, 32};

    assert_refused(OPS->digest(9, zeros(1), to, &error), SWTPM_PLUGIN_UNSUPPORTED);
    assert_refused(OPS->hmac(0, zeros(1), zeros(1), to, &error), SWTPM_PLUGIN_UNSUPPORTED);
    assert_refused(OPS->hkdf(3, zeros(1), zeros(1), zeros(1), to, &error),
                   SWTPM_PLUGIN_UNSUPPORTED);
    assert_refused(OPS->pbkdf2(3, zeros(1), zeros(1), 1, to, &error), SWTPM_PLUGIN_UNSUPPORTED);
    assert_refused(OPS->cbc(3, SWTPM_ENCRYPT, zeros(16), zeros(16), zeros(32), to, &error),
                   SWTPM_PLUGIN_UNSUPPORTED);
    assert_refused(OPS->aead(0, SWTPM_ENCRYPT, zeros(16), zeros(12), zeros(0), zeros(16), to,
                             &error), SWTPM_PLUGIN_UNSUPPORTED);
}

static void sizes_that_do_not_fit_are_invalid(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct swtpm_buffer to = {bytes, 31};
    const uint32_t encrypt = SWTPM_ENCRYPT;

    assert_refused(OPS->digest(SWTPM_SHA256, zeros(1), to, &error), SWTPM_PLUGIN_INVALID);
    assert_refused(OPS->hmac(SWTPM_SHA512, zeros(1), zeros(1), to, &error), SWTPM_PLUGIN_INVALID);
    assert_refused(OPS->cbc(SWTPM_AES_128, encrypt, zeros(16), zeros(16), zeros(31), to, &error),
                   SWTPM_PLUGIN_INVALID);
    assert_refused(OPS->cbc(SWTPM_AES_128, encrypt, zeros(16), zeros(16), zeros(32), to, &error),
                   SWTPM_PLUGIN_INVALID);
    assert_refused(OPS->cbc(SWTPM_AES_256, encrypt, zeros(16), zeros(16), zeros(16), to, &error),
                   SWTPM_PLUGIN_INVALID);
    assert_refused(OPS->aead(SWTPM_AES_256, encrypt, zeros(32), zeros(12), zeros(0), zeros(16), to,
                             &error), SWTPM_PLUGIN_INVALID);
    to.size = 32;
    assert_refused(OPS->cbc(SWTPM_AES_128, encrypt, zeros(16), zeros(12), zeros(32), to, &error),
                   SWTPM_PLUGIN_INVALID);
    assert_refused(OPS->aead(SWTPM_AES_256, encrypt, zeros(32), zeros(16), zeros(0), zeros(16), to,
                             &error), SWTPM_PLUGIN_INVALID);
    assert_refused(OPS->aead(SWTPM_AES_256, SWTPM_DECRYPT, zeros(32), zeros(12), zeros(0),
                             zeros(15), to, &error), SWTPM_PLUGIN_INVALID);
    assert_refused(OPS->cbc(SWTPM_AES_128, 7, zeros(16), zeros(16), zeros(32), to, &error),
                   SWTPM_PLUGIN_INVALID);
    assert_refused(OPS->pbkdf2(SWTPM_SHA512, zeros(1), zeros(1), 0, to, &error),
                   SWTPM_PLUGIN_INVALID);
    to.size = 255 * 32 + 1;
    assert_refused(OPS->hkdf(SWTPM_SHA256, zeros(1), zeros(1), zeros(1), to, &error),
                   SWTPM_PLUGIN_INVALID);
}

static void cbc_of_nothing_is_nothing(void **state)
{
    (void)state;
    assert_int_equal(OPS->cbc(SWTPM_AES_128, SWTPM_ENCRYPT, zeros(16), zeros(16), zeros(0),
                              (struct swtpm_buffer){NULL, 0}, &error), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_have_the_known_answers),
        cmocka_unit_test(hmacs_have_the_known_answers),
        cmocka_unit_test(cbc_has_the_known_answers),
        cmocka_unit_test(gcm_has_the_known_answers),
        cmocka_unit_test(hkdf_has_the_known_answers),
        cmocka_unit_test(pbkdf2_has_the_known_answers),
        cmocka_unit_test(random_bytes_differ_each_time),
        cmocka_unit_test(unknown_algorithms_are_unsupported),
        cmocka_unit_test(sizes_that_do_not_fit_are_invalid),
        cmocka_unit_test(cbc_of_nothing_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
