/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tpm/command.h"

static const uint8_t tpm2_startup_state[] = {0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x44, 0, 1};
static const uint8_t tpm12_startup_clear[] = {0x00, 0xc1, 0, 0, 0, 12, 0, 0, 0x00, 0x99, 0, 1};
static const uint8_t tpm2_shutdown_clear[] = {0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x45, 0, 0};

static struct swtpm_bytes with_ordinal(uint8_t message[11], uint32_t ordinal)
{
    const uint8_t header[11] = {0x80, 0x01, 0, 0, 0, 11, 0, 0, 0, 0, 3};

    memcpy(message, header, sizeof header);
    for (int i = 0; i < 4; i++)
        message[6 + i] = (uint8_t)(ordinal >> (24 - 8 * i));
    return (struct swtpm_bytes){.data = message, .size = 11};
}

static void commands_are_what_the_specifications_say(void **state)
{
    (void)state;
    uint8_t command[TPM_STARTUP_COMMAND_SIZE];

    tpm_command_put_startup(TPM_VERSION_2_0, TPM2_SU_STATE, command);
    assert_memory_equal(command, tpm2_startup_state, sizeof command);
    tpm_command_put_startup(TPM_VERSION_1_2, TPM_ST_CLEAR, command);
    assert_memory_equal(command, tpm12_startup_clear, sizeof command);
    tpm2_command_put_shutdown(TPM2_SU_CLEAR, command);
    assert_memory_equal(command, tpm2_shutdown_clear, sizeof command);
}

static void a_failure_response_fits_its_version(void **state)
{
    (void)state;
    const uint8_t tpm12[] = {0x00, 0xc4, 0, 0, 0, 10, 0, 0, 0, 9};
    const uint8_t tpm2[] = {0x80, 0x01, 0, 0, 0, 10, 0, 0, 1, 1};
    uint8_t response[TPM_HEADER_SIZE];

    tpm_response_put(TPM_VERSION_1_2, tpm_result_failure(TPM_VERSION_1_2), response);
    assert_memory_equal(response, tpm12, sizeof response);
    tpm_response_put(TPM_VERSION_2_0, tpm_result_failure(TPM_VERSION_2_0), response);
    assert_memory_equal(response, tpm2, sizeof response);
}

static void a_message_shorter_than_a_header_has_no_code(void **state)
{
    (void)state;
    uint32_t code = 0;
    struct swtpm_bytes message = {.data = tpm2_startup_state, .size = TPM_HEADER_SIZE};

    assert_true(tpm_header_code(message, &code));
    assert_int_equal(code, TPM2_CC_STARTUP);
    message.size--;
    assert_false(tpm_header_code(message, &code));
    assert_false(tpm_command_is_slow(TPM_VERSION_2_0, message));
}

static unsigned count_slow(enum tpm_version version)
{
    uint8_t message[11];
    unsigned count = 0;

    for (uint32_t ordinal = 0; ordinal < 0x200; ordinal++)
        count += tpm_command_is_slow(version, with_ordinal(message, ordinal));
    return count;
}

static void every_slow_command_of_the_lists_is_found(void **state)
{
    (void)state;
    assert_int_equal(count_slow(TPM_VERSION_2_0), 28);
    assert_int_equal(count_slow(TPM_VERSION_1_2), 35);
}

static void what_makes_a_key_is_slow_and_getrandom_is_not(void **state)
{
    (void)state;
    uint8_t message[11];

    assert_true(tpm_command_is_slow(TPM_VERSION_2_0, with_ordinal(message, 0x131)));
    assert_true(tpm_command_is_slow(TPM_VERSION_2_0, with_ordinal(message, 0x153)));
    assert_false(tpm_command_is_slow(TPM_VERSION_2_0, with_ordinal(message, 0x17b)));
    assert_true(tpm_command_is_slow(TPM_VERSION_1_2, with_ordinal(message, 0x1f)));
    assert_true(tpm_command_is_slow(TPM_VERSION_1_2, with_ordinal(message, 0x78)));
    assert_false(tpm_command_is_slow(TPM_VERSION_1_2, with_ordinal(message, 0x46)));
    /* Whatever a transport session hides. */
    assert_true(tpm_command_is_slow(TPM_VERSION_1_2, with_ordinal(message, 0xe7)));
    assert_true(tpm_command_is_slow(TPM_VERSION_1_2, with_ordinal(message, 0xe8)));
    /* The tables are of 16 bits; the ordinal is not. */
    assert_false(tpm_command_is_slow(TPM_VERSION_2_0, with_ordinal(message, 0x10131)));
}

static void set_locality_needs_its_exact_size(void **state)
{
    (void)state;
    uint8_t message[11];
    uint8_t locality = 0;
    struct swtpm_bytes command = with_ordinal(message, TPM_CC_SET_LOCALITY);

    assert_true(tpm_command_is_set_locality(command, &locality));
    assert_int_equal(locality, 3);
    command.size--;
    assert_false(tpm_command_is_set_locality(command, &locality));
    command = with_ordinal(message, 0x17b);
    assert_false(tpm_command_is_set_locality(command, &locality));
}

static void only_a_test_result_that_is_a_failure_tells_failure(void **state)
{
    (void)state;
    uint8_t command[TPM_HEADER_SIZE];
    uint8_t response[] = {0x80, 1, 0, 0, 0, 20, 0, 0, 0, 0, 0, 4, 't', 'e', 's', 't', 0, 0, 1, 1};
    const struct swtpm_bytes bytes = {.data = response, .size = sizeof response};

    tpm2_command_put_get_test_result(command);
    assert_memory_equal(command, "\x80\1\0\0\0\x0a\0\0\1\x7c", sizeof command);
    assert_true(tpm2_response_tells_failure(bytes));
    for (size_t size = 0; size < TPM_HEADER_SIZE + 4; size++)
        assert_false(tpm2_response_tells_failure((struct swtpm_bytes){response, size}));
    response[sizeof response - 1] = 0;
    assert_false(tpm2_response_tells_failure(bytes));
    response[sizeof response - 1] = 1;
    response[9] = 1;
    assert_false(tpm2_response_tells_failure(bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_what_the_specifications_say),
        cmocka_unit_test(a_failure_response_fits_its_version),
        cmocka_unit_test(a_message_shorter_than_a_header_has_no_code),
        cmocka_unit_test(every_slow_command_of_the_lists_is_found),
        cmocka_unit_test(what_makes_a_key_is_slow_and_getrandom_is_not),
        cmocka_unit_test(set_locality_needs_its_exact_size),
        cmocka_unit_test(only_a_test_result_that_is_a_failure_tells_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
