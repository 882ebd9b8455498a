/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tpm/crypto_library.h"

/* OpenSSL as libtpms brings it along, or does not. */
void *CRYPTO_malloc(size_t size, const char *file, int line) __attribute__((weak));
void *CRYPTO_realloc(void *old, size_t size, const char *file, int line) __attribute__((weak));
void CRYPTO_free(void *old, const char *file, int line) __attribute__((weak));

static bool fails;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return fails ? NULL : __real_malloc(size);
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
    assert_true(crypto_library_lacked_memory());
    crypto_library_forget_failure();
    assert_false(crypto_library_lacked_memory());
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
    assert_true(crypto_library_lacked_memory());
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
    assert_false(crypto_library_lacked_memory());
}

static void random_bytes_need_no_memory(void **state)
{
    (void)state;

    fails = true;
    bool is_random = crypto_library_is_random();
    fails = false;
    assert_true(is_random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_allocation_of_openssl_is_noted),
        cmocka_unit_test(a_block_that_cannot_grow_is_noted_and_stays),
        cmocka_unit_test(no_bytes_are_no_failure),
        cmocka_unit_test(random_bytes_need_no_memory),
    };

    crypto_library_configure();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
