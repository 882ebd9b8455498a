/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "state/tlv.h"

static struct error error;

static struct swtpm_bytes bytes_of(const struct buffer *buffer)
{
    return (struct swtpm_bytes){buffer->data, buffer->size};
}

static void what_was_appended_is_found_in_any_order(void **state)
{
    (void)state;
    struct buffer tlvs = {0};
    struct swtpm_bytes value;

    assert_int_equal(tlv_append(&tlvs, 7, (struct swtpm_bytes){"seven", 5}), 0);
    assert_int_equal(tlv_append(&tlvs, 1, (struct swtpm_bytes){NULL, 0}), 0);
    assert_int_equal(tlv_append(&tlvs, 0xffff, (struct swtpm_bytes){"last", 4}), 0);
    assert_int_equal(tlv_check(bytes_of(&tlvs), &error), 0);
    assert_true(tlv_find(bytes_of(&tlvs), 0xffff, &value));
    assert_int_equal(value.size, 4);
    assert_memory_equal(value.data, "last", 4);
    assert_true(tlv_find(bytes_of(&tlvs), 1, &value));
    assert_int_equal(value.size, 0);
    assert_true(tlv_find(bytes_of(&tlvs), 7, &value));
    assert_memory_equal(value.data, "seven", 5);
    assert_false(tlv_find(bytes_of(&tlvs), 2, &value));
    buffer_free(&tlvs);
}

static void nothing_is_well_formed_and_holds_nothing(void **state)
{
    (void)state;
    struct swtpm_bytes value;

    assert_int_equal(tlv_check((struct swtpm_bytes){NULL, 0}, &error), 0);
    assert_false(tlv_find((struct swtpm_bytes){NULL, 0}, 1, &value));
}

/* Copied to memory of its exact size, so that reading past the end is seen by the sanitizers. */
static int check_exactly(const void *tlvs, size_t size)
{
    void *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, tlvs, size);
    int result = tlv_check((struct swtpm_bytes){copy, size}, &error);
    free(copy);
    return result;
}

static void every_shorter_part_is_refused(void **state)
{
    (void)state;
    static const uint8_t tlvs[] = {0, 1, 0, 0, 0, 3, 'a', 'b', 'c', 0, 2, 0, 0, 0, 1, 'd'};

    assert_int_equal(check_exactly(tlvs, sizeof tlvs), 0);
    for (size_t size = 1; size < sizeof tlvs; size++)
        assert_int_equal(check_exactly(tlvs, size), size == 9 ? 0 : -1);
}

static void lengths_that_overrun_or_wrap_are_refused(void **state)
{
    (void)state;
    static const uint8_t lengths[][4] = {
        {0, 0, 0, 2}, {0xff, 0xff, 0xff, 0xff}, {0xff, 0xff, 0xff, 0xfa}, {0x80, 0, 0, 0}};
    uint8_t tlv[] = {0, 1, 0, 0, 0, 0, 'x'};

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memcpy(tlv + 2, lengths[i], 4);
        assert_int_equal(check_exactly(tlv, sizeof tlv), -1);
        assert_non_null(strstr(error.text, "overruns"));
    }
}

static void a_tag_that_stands_there_twice_is_refused(void **state)
{
    (void)state;
    static const uint8_t twice[] = {0, 9, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 'x'};
    static const uint8_t near[] = {0, 9, 0, 0, 0, 0, 1, 9, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0};

    assert_int_equal(check_exactly(twice, sizeof twice), -1);
    assert_non_null(strstr(error.text, "tag 9"));
    assert_int_equal(check_exactly(near, sizeof near), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_appended_is_found_in_any_order),
        cmocka_unit_test(nothing_is_well_formed_and_holds_nothing),
        cmocka_unit_test(every_shorter_part_is_refused),
        cmocka_unit_test(lengths_that_overrun_or_wrap_are_refused),
        cmocka_unit_test(a_tag_that_stands_there_twice_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
