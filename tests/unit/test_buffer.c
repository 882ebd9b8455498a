/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/buffer.h"

static void append_keeps_what_was_there(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    char expected[1000];

    for (unsigned i = 0; i < sizeof expected; i++) {
        char byte = (char)i;
        expected[i] = byte;
        assert_int_equal(buffer_append(&buffer, &byte, 1), 0);
    }
    assert_int_equal(buffer.size, sizeof expected);
    assert_memory_equal(buffer.data, expected, sizeof expected);
    buffer_free(&buffer);
    assert_null(buffer.data);
}

static void appending_nothing_allocates_nothing(void **state)
{
    (void)state;
    struct buffer buffer = {0};

    assert_int_equal(buffer_append(&buffer, NULL, 0), 0);
    assert_null(buffer.data);
    assert_int_equal(buffer.capacity, 0);
}

static void a_size_that_wraps_is_refused(void **state)
{
    (void)state;
    struct buffer buffer = {0};

    assert_int_equal(buffer_append(&buffer, "ab", 2), 0);
    assert_int_equal(buffer_append(&buffer, "ab", SIZE_MAX - 1), -1);
    assert_int_equal(buffer.size, 2);
    assert_memory_equal(buffer.data, "ab", 2);
    buffer_free(&buffer);
}

static void clear_wipes(void **state)
{
    (void)state;
    struct buffer buffer = {0};

    assert_int_equal(buffer_append(&buffer, "secret", 6), 0);
    buffer_clear(&buffer);
    assert_int_equal(buffer.size, 0);
    assert_memory_equal(buffer.data, "\0\0\0\0\0\0", 6);
    buffer_free(&buffer);
}

static void move_leaves_the_source_empty(void **state)
{
    (void)state;
    struct buffer from = {0};
    struct buffer to = {0};

    assert_int_equal(buffer_append(&from, "new", 3), 0);
    assert_int_equal(buffer_append(&to, "older", 5), 0);
    buffer_move(&to, &from);
    assert_null(from.data);
    assert_int_equal(to.size, 3);
    assert_memory_equal(to.data, "new", 3);
    buffer_free(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(append_keeps_what_was_there),
        cmocka_unit_test(appending_nothing_allocates_nothing),
        cmocka_unit_test(a_size_that_wraps_is_refused),
        cmocka_unit_test(clear_wipes),
        cmocka_unit_test(move_leaves_the_source_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
