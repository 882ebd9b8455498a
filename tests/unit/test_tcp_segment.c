/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/big_endian.h"
#include "util/tcp_segment.h"

static const struct tcp_segment example = {
    .source_port = 40000,
    .destination_port = 2321,
    .sequence = 0x01020304,
    .acknowledgment = 0x05060708,
    .acknowledge = true,
    .data = "odd",
    .size = 3,
};

static void fields_stand_where_the_standards_say(void **state)
{
    (void)state;
    /* RFC 791 §3.1, RFC 9293 §3.1 */
    static const uint8_t expected[TCP_SEGMENT_HEADERS_SIZE] = {
        0x45, 0,    0,    43,   0, 0, 0x40, 0, 64, 6, 0, 0, 127,  0,    0,    1,    127, 0, 0, 1,
        0x9c, 0x40, 0x09, 0x11, 1, 2, 3,    4, 5,  6, 7, 8, 0x50, 0x18, 0xff, 0xff, 0,   0, 0, 0};
    uint8_t headers[TCP_SEGMENT_HEADERS_SIZE];

    tcp_segment_headers(&example, false, headers);
    assert_memory_equal(headers, expected, sizeof expected);
}

static void flags_tell_the_handshake(void **state)
{
    (void)state;
    struct tcp_segment segment = {.synchronize = true};
    uint8_t headers[TCP_SEGMENT_HEADERS_SIZE];

    tcp_segment_headers(&segment, false, headers);
    assert_int_equal(headers[33], 0x02);
    segment.acknowledge = true;
    tcp_segment_headers(&segment, false, headers);
    assert_int_equal(headers[33], 0x12);
    segment.synchronize = false;
    tcp_segment_headers(&segment, false, headers);
    assert_int_equal(headers[33], 0x10);
}

/* As a receiver checks it: RFC 1071, the sum of all words with their checksum is all ones. */
static uint16_t sum_of(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < size; i += 2)
        sum += big_endian_get16(bytes + i);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static void assert_checksums_hold(const void *data, size_t size)
{
    struct tcp_segment segment = example;
    uint8_t headers[TCP_SEGMENT_HEADERS_SIZE];
    /* Pseudo-header, TCP header and data, padded with a zero byte. */
    uint8_t summed[12 + 20 + 4096 + 1] = {127, 0, 0, 1, 127, 0, 0, 1, 0, 6};

    segment.data = data;
    segment.size = size;
    tcp_segment_headers(&segment, true, headers);
    assert_int_equal(sum_of(headers, 20), 0xffff);
    big_endian_put16(summed + 10, (uint16_t)(20 + size));
    memcpy(summed + 12, headers + 20, 20);
    if (size > 0)
        memcpy(summed + 32, data, size);
    assert_int_equal(sum_of(summed, 32 + (size + 1) / 2 * 2), 0xffff);
}

static void checksums_hold_for_all_sizes(void **state)
{
    (void)state;
    uint8_t data[4096];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + 251);
    assert_checksums_hold(NULL, 0);
    assert_checksums_hold(data, 1);
    assert_checksums_hold(data, 10);
    assert_checksums_hold(data, 4095);
    assert_checksums_hold(data, 4096);
    memset(data, 0xff, sizeof data);
    assert_checksums_hold(data, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_stand_where_the_standards_say),
        cmocka_unit_test(flags_tell_the_handshake),
        cmocka_unit_test(checksums_hold_for_all_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
