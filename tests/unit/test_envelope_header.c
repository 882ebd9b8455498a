/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libtpms/tpm_error.h>

#include "state/envelope_header.h"

static struct error error;
static struct envelope_header header;
static struct swtpm_bytes body;

/* Parses a copy in memory of its exact size. */
static TPM_RESULT parse(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    TPM_RESULT result =
        envelope_header_parse((struct swtpm_bytes){copy, size}, &header, &body, &error);
    free(copy);
    return result;
}

static void the_headers_of_all_writers_are_taken(void **state)
{
    (void)state;
    static const uint8_t version_1[] = {1, 1, 0, 10, 0, 1, 0, 0, 0, 11, 'x'};
    static const uint8_t version_2[] = {2, 1, 0, 10, 0, 9, 0, 0, 0, 12, 'x', 'y'};
    static const uint8_t ours[] = {128, 128, 0, 10, 0, 0, 0, 0, 0, 10};

    assert_int_equal(parse(version_1, sizeof version_1), TPM_SUCCESS);
    assert_int_equal(header.version, ENVELOPE_VERSION_UNTAGGED);
    assert_int_equal(header.flags, ENVELOPE_ENCRYPTED_BY_STATE_KEY);
    assert_int_equal(body.size, 1);
    assert_int_equal(parse(version_2, sizeof version_2), TPM_SUCCESS);
    assert_int_equal(header.version, ENVELOPE_VERSION_TAGGED);
    assert_int_equal(body.size, 2);
    assert_int_equal(parse(ours, sizeof ours), TPM_SUCCESS);
    assert_int_equal(header.version, ENVELOPE_VERSION_STRONG);
    assert_int_equal(body.size, 0);
}

static void what_is_shorter_than_a_header_is_refused(void **state)
{
    (void)state;
    static const uint8_t whole[] = {2, 1, 0, 10, 0, 0, 0, 0, 0, 10};

    for (size_t size = 0; size < sizeof whole; size++)
        assert_int_equal(parse(whole, size), TPM_FAIL);
}

static void every_flipped_bit_but_those_of_the_flags_is_refused(void **state)
{
    (void)state;
    static const uint8_t headers[][ENVELOPE_HEADER_SIZE] = {
        {2, 1, 0, 10, 0, 0, 0, 0, 0, 10}, {128, 128, 0, 10, 0, 0, 0, 0, 0, 10}};

    for (size_t which = 0; which < 2; which++) {
        for (size_t bit = 0; bit < 8 * ENVELOPE_HEADER_SIZE; bit++) {
            uint8_t flipped[ENVELOPE_HEADER_SIZE];
            memcpy(flipped, headers[which], sizeof flipped);
            flipped[bit / 8] ^= (uint8_t)(1U << bit % 8);
            bool in_flags = bit / 8 == 4 || bit / 8 == 5;
            if ((parse(flipped, sizeof flipped) == TPM_SUCCESS) != in_flags)
                fail_msg("header %zu, bit %zu", which, bit);
        }
    }
}

static void newer_versions_are_told_from_damage(void **state)
{
    (void)state;
    static const uint8_t newer[] = {3, 3, 0, 10, 0, 0, 0, 0, 0, 10};
    static const uint8_t none[] = {0, 0, 0, 10, 0, 0, 0, 0, 0, 10};

    assert_int_equal(parse(newer, sizeof newer), TPM_BAD_VERSION);
    assert_non_null(strstr(error.text, "newer"));
    assert_int_equal(parse(none, sizeof none), TPM_FAIL);
}

static void what_is_written_is_parsed(void **state)
{
    (void)state;
    static const enum envelope_version versions[] = {ENVELOPE_VERSION_TAGGED,
                                                     ENVELOPE_VERSION_STRONG};
    uint8_t bytes[ENVELOPE_HEADER_SIZE + 3] = {0};

    for (size_t i = 0; i < 2; i++) {
        const struct envelope_header written = {.version = versions[i], .flags = 0x1f};
        envelope_header_write(bytes, &written, sizeof bytes);
        assert_int_equal(parse(bytes, sizeof bytes), TPM_SUCCESS);
        assert_int_equal(header.version, versions[i]);
        assert_int_equal(header.flags, 0x1f);
        assert_int_equal(body.size, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_headers_of_all_writers_are_taken),
        cmocka_unit_test(what_is_shorter_than_a_header_is_refused),
        cmocka_unit_test(every_flipped_bit_but_those_of_the_flags_is_refused),
        cmocka_unit_test(newer_versions_are_told_from_damage),
        cmocka_unit_test(what_is_written_is_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
