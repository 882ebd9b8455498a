/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/device_name.h"

static void assert_accepted(const char *argument, const char *expected)
{
    struct error error = {.text = ""};
    const char *name = device_name_check(argument, &error);

    assert_string_equal(error.text, "");
    assert_string_equal(name, expected);
}

static void assert_refused(const char *argument, const char *reason)
{
    struct error error = {.text = ""};

    assert_null(device_name_check(argument, &error));
    assert_non_null(strstr(error.text, reason));
}

static void plain_names_are_accepted(void **state)
{
    (void)state;
    assert_accepted("vtpm-200", "vtpm-200");
    assert_accepted("a", "a");
    assert_accepted("...", "...");
    assert_accepted("two words", "two words");
    assert_accepted("\xc3\xa4", "\xc3\xa4");
}

static void a_leading_dev_is_dropped_once(void **state)
{
    (void)state;
    assert_accepted("/dev/tpm0", "tpm0");
    assert_accepted("dev", "dev");
    assert_refused("/dev//dev/tpm0", "'/'");
    assert_refused("/dev", "'/'");
    assert_refused("//dev/tpm0", "'/'");
}

static void names_that_are_no_file_are_refused(void **state)
{
    (void)state;
    assert_refused("", "empty");
    assert_refused("/dev/", "empty");
    assert_refused(".", "directory");
    assert_refused("/dev/..", "directory");
}

static void names_in_another_directory_are_refused(void **state)
{
    (void)state;
    assert_refused("input/tpm", "'/'");
    assert_refused("../etc/passwd", "'/'");
    assert_refused("input!tpm", "'!'");
}

static void control_characters_are_refused_and_not_repeated(void **state)
{
    (void)state;
    struct error error;

    assert_refused("a\nDEVNAME=b", "control character");
    assert_refused("\x7f", "control character");
    assert_null(device_name_check("a\033[2J", &error));
    assert_null(strchr(error.text, '\033'));
}

static void blanks_at_the_ends_are_refused(void **state)
{
    (void)state;
    assert_refused(" tpm", "blank");
    assert_refused("tpm ", "blank");
}

static void a_name_has_at_most_255_bytes(void **state)
{
    (void)state;
    char name[257];

    memset(name, 'n', sizeof name);
    name[256] = '\0';
    assert_refused(name, "255 bytes");
    name[255] = '\0';
    assert_accepted(name, name);
}

static void a_device_that_exists_is_not_free(void **state)
{
    (void)state;
    struct error error = {.text = ""};

    assert_int_equal(device_name_check_free("null", &error), -1);
    assert_non_null(strstr(error.text, "/dev/null exists"));
    assert_int_equal(device_name_check_free("no-such-device-here", &error), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_names_are_accepted),
        cmocka_unit_test(a_leading_dev_is_dropped_once),
        cmocka_unit_test(names_that_are_no_file_are_refused),
        cmocka_unit_test(names_in_another_directory_are_refused),
        cmocka_unit_test(control_characters_are_refused_and_not_repeated),
        cmocka_unit_test(blanks_at_the_ends_are_refused),
        cmocka_unit_test(a_name_has_at_most_255_bytes),
        cmocka_unit_test(a_device_that_exists_is_not_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
