/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/types.h>

#include <cmocka.h>

#include "tpm/crypto_library.h"
#include "wiped_memory.h"

/* OpenSSL as libtpms brings it along, or does not. */
void *CRYPTO_malloc(size_t size, const char *file, int line) __attribute__((weak));
void *CRYPTO_realloc(void *old, size_t size, const char *file, int line) __attribute__((weak));
void CRYPTO_free(void *old, const char *file, int line) __attribute__((weak));
int RAND_bytes(unsigned char *to, int size) __attribute__((weak));

static bool fails;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return fails ? NULL : __real_malloc(size);
}

/* getrandom gives one byte at a time, the next number, and that only after a signal. */
static bool is_interrupted;
static unsigned asked;

static ssize_t next_number(uint8_t *to)
{
    errno = EINTR;
    if (++asked % 2 == 1)
        return -1;
    *to = (uint8_t)(asked / 2);
    return 1;
}

ssize_t __real_getrandom(void *to, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *to, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *to, size_t size, unsigned flags)
{
    if (is_interrupted)
        return next_number(to);
    errno = EAGAIN;
    return fails ? -1 : __real_getrandom(to, size, flags);
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
    return fails ? NULL : __real_realloc(old, size);
}

static void needs_openssl(const char *test)
{
    if (CRYPTO_malloc != NULL)
        return;
    print_message("SKIP: %s: libtpms uses another library than OpenSSL\n", test);
    skip();
}

static void a_failed_allocation_of_openssl_is_noted(void **state)
{
    (void)state;

    needs_openssl(__func__);
    crypto_library_forget_failure();
    fails = true;
    assert_null(CRYPTO_malloc(16, __FILE__, __LINE__));
    fails = false;
    assert_true(crypto_library_has_failed());
    crypto_library_forget_failure();
    assert_false(crypto_library_has_failed());
}

static void a_block_that_cannot_grow_is_noted_and_stays(void **state)
{
    (void)state;

    needs_openssl(__func__);
    char *block = CRYPTO_malloc(1, __FILE__, __LINE__);
    assert_non_null(block);
    *block = 'x';
    crypto_library_forget_failure();
    fails = true;
    assert_null(CRYPTO_realloc(block, 100, __FILE__, __LINE__));
    fails = false;
    assert_true(crypto_library_has_failed());
    assert_int_equal(*block, 'x');
    CRYPTO_free(block, __FILE__, __LINE__);
}

static void no_bytes_are_no_failure(void **state)
{
    (void)state;

    needs_openssl(__func__);
    crypto_library_forget_failure();
    assert_null(CRYPTO_malloc(0, __FILE__, __LINE__));
    assert_null(CRYPTO_realloc(CRYPTO_malloc(1, __FILE__, __LINE__), 0, __FILE__, __LINE__));
    assert_false(crypto_library_has_failed());
}

static void missing_random_bytes_are_noted(void **state)
{
    (void)state;

    needs_openssl(__func__);
    assert_true(crypto_library_is_random());
    crypto_library_forget_failure();
    fails = true;
    assert_false(crypto_library_is_random());
    fails = false;
    assert_true(crypto_library_has_failed());
}

static void signals_and_short_answers_leave_no_byte_out(void **state)
{
    (void)state;
    static const uint8_t expected[] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t bytes[sizeof expected] = {0};

    needs_openssl(__func__);
    is_interrupted = true;
    int result = RAND_bytes(bytes, sizeof bytes);
    is_interrupted = false;
    assert_int_equal(result, 1);
    assert_memory_equal(bytes, expected, sizeof bytes);
}

static void the_random_bytes_of_a_trial_are_wiped(void **state)
{
    (void)state;
    uint8_t expected[16];

    needs_openssl(__func__);
    for (size_t i = 0; i < sizeof expected; i++)
        expected[i] = (uint8_t)(i + 1);
    wiped_memory_forget();
    asked = 0;
    is_interrupted = true;
    bool is_random = crypto_library_is_random();
    is_interrupted = false;
    assert_true(is_random);
    assert_int_equal(wiped_memory_count(expected, sizeof expected), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_allocation_of_openssl_is_noted),
        cmocka_unit_test(a_block_that_cannot_grow_is_noted_and_stays),
        cmocka_unit_test(no_bytes_are_no_failure),
        cmocka_unit_test(missing_random_bytes_are_noted),
        cmocka_unit_test(signals_and_short_answers_leave_no_byte_out),
        cmocka_unit_test(the_random_bytes_of_a_trial_are_wiped),
    };

    crypto_library_configure();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
