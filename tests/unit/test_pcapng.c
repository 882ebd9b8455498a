/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/pcapng.h"

static uint32_t word(const struct buffer *buffer, size_t offset)
{
    uint32_t value;

    assert_true(offset + sizeof value <= buffer->size);
    memcpy(&value, buffer->data + offset, sizeof value);
    return value;
}

static uint16_t half(const struct buffer *buffer, size_t offset)
{
    return (uint16_t)(word(buffer, offset & ~(size_t)3) >> (offset % 4 * 8));
}

/* Every block says its length at both ends, in whole words. */
static void assert_one_block(const struct buffer *buffer, uint32_t type)
{
    assert_int_equal(buffer->size % 4, 0);
    assert_int_equal(word(buffer, 0), type);
    assert_int_equal(word(buffer, 4), buffer->size);
    assert_int_equal(word(buffer, buffer->size - 4), buffer->size);
}

/* The offset of an option's value behind the fixed fields; fails if the list does not end. */
static size_t find_option(const struct buffer *buffer, size_t offset, uint16_t code, size_t size)
{
    size_t found = 0;

    while (half(buffer, offset) != 0) {
        if (half(buffer, offset) == code) {
            assert_int_equal(half(buffer, offset + 2), size);
            found = offset + 4;
        }
        offset += 4 + ((size_t)half(buffer, offset + 2) + 3) / 4 * 4;
    }
    assert_int_equal(half(buffer, offset + 2), 0);
    assert_int_equal(offset + 8, buffer->size);
    assert_int_not_equal(found, 0);
    return found;
}

static void a_section_begins_with_its_header(void **state)
{
    (void)state;
    struct buffer buffer = {0};

    assert_int_equal(pcapng_append_section(&buffer, "program 1"), 0);
    assert_one_block(&buffer, 0x0a0d0d0a);
    assert_int_equal(word(&buffer, 8), 0x1a2b3c4d);
    assert_int_equal(half(&buffer, 12), 1);
    assert_int_equal(half(&buffer, 14), 0);
    assert_int_equal(word(&buffer, 16), UINT32_MAX);
    assert_int_equal(word(&buffer, 20), UINT32_MAX);
    assert_memory_equal(buffer.data + find_option(&buffer, 24, 4, 9), "program 1", 9);
    buffer_free(&buffer);
}

static void an_interface_counts_nanoseconds(void **state)
{
    (void)state;
    struct buffer buffer = {0};

    assert_int_equal(pcapng_append_interface(&buffer, PCAPNG_LINK_RAW_IP, "vtpm0"), 0);
    assert_one_block(&buffer, 1);
    assert_int_equal(half(&buffer, 8), 101);
    assert_int_equal(word(&buffer, 12), 0);
    assert_memory_equal(buffer.data + find_option(&buffer, 16, 2, 5), "vtpm0", 5);
    assert_int_equal(buffer.data[find_option(&buffer, 16, 9, 1)], 9);
    buffer_free(&buffer);
}

static void a_packet_has_its_time_and_all_its_bytes(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    const struct timespec when = {.tv_sec = 1700000000, .tv_nsec = 123456789};

    assert_int_equal(pcapng_append_packet(&buffer, when, "head", 4, "tails", 5), 0);
    assert_one_block(&buffer, 6);
    assert_int_equal(word(&buffer, 8), 0);
    uint64_t time = (uint64_t)word(&buffer, 12) << 32 | word(&buffer, 16);
    assert_int_equal(time, UINT64_C(1700000000123456789));
    assert_int_equal(word(&buffer, 20), 9);
    assert_int_equal(word(&buffer, 24), 9);
    assert_memory_equal(buffer.data + 28, "headtails\0\0\0", 12);
    assert_int_equal(buffer.size, 28 + 12 + 4);
    buffer_free(&buffer);
}

static void every_length_is_padded_to_words(void **state)
{
    (void)state;
    const struct timespec when = {0};

    for (size_t size = 0; size <= 8; size++) {
        struct buffer buffer = {0};
        assert_int_equal(pcapng_append_packet(&buffer, when, NULL, 0, "12345678", size), 0);
        assert_one_block(&buffer, 6);
        assert_int_equal(word(&buffer, 20), size);
        assert_int_equal(buffer.size, 28 + (size + 3) / 4 * 4 + 4);
        buffer_free(&buffer);
    }
}

static void long_names_are_cut(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    char name[1000];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';

    assert_int_equal(pcapng_append_interface(&buffer, PCAPNG_LINK_RAW_IP, name), 0);
    assert_one_block(&buffer, 1);
    find_option(&buffer, 16, 2, 64);
    buffer_clear(&buffer);
    assert_int_equal(pcapng_append_section(&buffer, name), 0);
    assert_one_block(&buffer, 0x0a0d0d0a);
    find_option(&buffer, 24, 4, 64);
    buffer_free(&buffer);
}

static void blocks_follow_each_other(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    const struct timespec when = {0};

    assert_int_equal(pcapng_append_section(&buffer, "program"), 0);
    size_t first = buffer.size;
    assert_int_equal(pcapng_append_packet(&buffer, when, "12345", 5, NULL, 0), 0);
    assert_int_equal(word(&buffer, 4), first);
    assert_int_equal(word(&buffer, first), 6);
    assert_int_equal(word(&buffer, first + 4), buffer.size - first);
    buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_section_begins_with_its_header),
        cmocka_unit_test(an_interface_counts_nanoseconds),
        cmocka_unit_test(a_packet_has_its_time_and_all_its_bytes),
        cmocka_unit_test(every_length_is_padded_to_words),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(blocks_follow_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
