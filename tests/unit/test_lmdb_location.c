/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "storage-lmdb/directory.h"
#include "storage-lmdb/location.h"

static struct swtpm_plugin_error error;

static void refused(const char *text, const char *because)
{
    struct location location;

    error.message[0] = '\0';
    assert_int_equal(location_parse(text, 0640, &location, &error), SWTPM_PLUGIN_INVALID);
    if (strstr(error.message, because) == NULL)
        fail_msg("'%s' is refused with '%s', which does not say '%s'", text, error.message,
                 because);
    assert_null(location.path);
    assert_null(location.tpm);
}

static void a_path_and_a_name_are_enough(void **state)
{
    (void)state;
    struct location location;

    assert_int_equal(location_parse("/var/lib/env?tpm=vm-1.a_B", 0640, &location, &error), 0);
    assert_string_equal(location.path, "/var/lib/env");
    assert_string_equal(location.tpm, "vm-1.a_B");
    assert_int_equal(location.mode, 0640);
    assert_true(location.map_size >= UINT64_C(1) << 30);
    location_free(&location);
}

static void map_size_and_mode_are_read(void **state)
{
    (void)state;
    struct location location;

    assert_int_equal(location_parse("e?mode=660&mapsize=3M&tpm=a", 0600, &location, &error), 0);
    assert_string_equal(location.path, "e");
    assert_int_equal(location.mode, 0660);
    assert_int_equal(location.map_size, 3 << 20);
    location_free(&location);
    assert_int_equal(location_parse("e?tpm=a&mapsize=1048576", 0600, &location, &error), 0);
    assert_int_equal(location.map_size, 1 << 20);
    location_free(&location);
}

static void percent_signs_are_decoded(void **state)
{
    (void)state;
    struct location location;

    assert_int_equal(location_parse("/a%3fb%20c%25?tpm=%61b", 0600, &location, &error), 0);
    assert_string_equal(location.path, "/a?b c%");
    assert_string_equal(location.tpm, "ab");
    location_free(&location);
}

static void broken_percent_signs_are_refused(void **state)
{
    (void)state;
    refused("/a%?tpm=a", "proper path");
    refused("/a%2?tpm=a", "proper path");
    refused("/a%00b?tpm=a", "proper path");
    refused("/a%zz?tpm=a", "proper path");
    refused("/a?tpm=a%", "%01 to %FF");
    refused("/a?tpm=a%0", "%01 to %FF");
    refused("/a?tpm=a%00", "%01 to %FF");
}

static void a_missing_part_is_refused(void **state)
{
    (void)state;
    refused("", "proper path");
    refused("/env", "names no TPM");
    refused("?tpm=a", "proper path");
    refused("/env?", "no NAME=VALUE");
    refused("/env?mode=600", "names no TPM");
    refused("/env?tpm", "'tpm' in the location is no NAME=VALUE");
    refused("/env?tpm=a&", "no NAME=VALUE");
}

static void a_place_is_a_location_without_a_name(void **state)
{
    (void)state;
    struct location location;

    assert_int_equal(location_parse_place("/a%3fb", 0600, &location, &error), 0);
    assert_string_equal(location.path, "/a?b");
    assert_null(location.tpm);
    location_free(&location);
    assert_int_equal(location_parse_place("/env?mapsize=3M", 0600, &location, &error), 0);
    assert_null(location.tpm);
    assert_int_equal(location.map_size, 3 << 20);
    location_free(&location);
    assert_int_equal(location_parse_place("/env?tpm=a", 0600, &location, &error), 0);
    assert_string_equal(location.tpm, "a");
    location_free(&location);
    assert_int_equal(location_parse_place("", 0600, &location, &error), SWTPM_PLUGIN_INVALID);
    assert_int_equal(location_parse_place("/env?tpm=", 0600, &location, &error),
                     SWTPM_PLUGIN_INVALID);
    assert_null(location.path);
}

static void unknown_and_doubled_parameters_are_refused(void **state)
{
    (void)state;
    refused("/env?tpm=a&size=1", "'size=' in the location is unknown");
    refused("/env?tpm=a&TPM=b", "'TPM=' in the location is unknown");
    refused("/env?tpm=a&tpm=a", "tpm= stands twice");
    refused("/env?tpm=a&mode=600&mode=600", "mode= stands twice");
}

static void names_that_are_none_are_refused(void **state)
{
    (void)state;
    char longest[6 + 128 + 2] = "e?tpm=";
    struct location location;

    refused("/env?tpm=", "does not name a TPM");
    refused("/env?tpm=a/b", "does not name a TPM");
    refused("/env?tpm=a%0ab", "does not name a TPM");
    refused("/env?tpm=\xc3\xa4", "does not name a TPM");
    memset(longest + 6, 'x', 128);
    assert_int_equal(location_parse(longest, 0600, &location, &error), 0);
    location_free(&location);
    longest[6 + 128] = 'x';
    refused(longest, "does not name a TPM");
}

static void sizes_and_modes_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const sizes[] = {"",    "-1",  "1",        "1023K", "0x100000",
                                        "1MB", "M",   "1.5G",     " 2M",   "99999999999999999999",
                                        "8E",  "1kb", "16777216T"};
    static const char *const modes[] = {"", "8", "1777", "-1", "0x1", "u=rw", "00600"};
    char text[64];

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        snprintf(text, sizeof text, "/env?tpm=a&mapsize=%s", sizes[i]);
        refused(text, "is no size");
    }
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        snprintf(text, sizeof text, "/env?tpm=a&mode=%s", modes[i]);
        refused(text, "is no file mode");
    }
}

static void network_file_systems_are_known(void **state)
{
    (void)state;
    assert_true(directory_is_remote(0x6969));             /* NFS */
    assert_true(directory_is_remote(0xff534d42));         /* CIFS */
    assert_true(directory_is_remote(0xffffffffff534d42)); /* the same in a signed 32-bit field */
    assert_true(directory_is_remote(0x01021997));         /* 9p */
    assert_true(directory_is_remote(0x65735546));         /* FUSE */
    assert_false(directory_is_remote(0xef53));            /* ext4 */
    assert_false(directory_is_remote(0x01021994));        /* tmpfs */
    assert_false(directory_is_remote(0x58465342));        /* XFS */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_and_a_name_are_enough),
        cmocka_unit_test(map_size_and_mode_are_read),
        cmocka_unit_test(percent_signs_are_decoded),
        cmocka_unit_test(broken_percent_signs_are_refused),
        cmocka_unit_test(a_missing_part_is_refused),
        cmocka_unit_test(a_place_is_a_location_without_a_name),
        cmocka_unit_test(unknown_and_doubled_parameters_are_refused),
        cmocka_unit_test(names_that_are_none_are_refused),
        cmocka_unit_test(sizes_and_modes_that_are_none_are_refused),
        cmocka_unit_test(network_file_systems_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
