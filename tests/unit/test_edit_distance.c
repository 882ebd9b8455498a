/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/edit_distance.h"

static void equal_names_have_no_distance(void **state)
{
    (void)state;
    assert_int_equal(edit_distance("", ""), 0);
    assert_int_equal(edit_distance("runas", "runas"), 0);
}

static void each_edit_counts_one(void **state)
{
    (void)state;
    assert_int_equal(edit_distance("log", "logs"), 1);
    assert_int_equal(edit_distance("seccomp", "secomp"), 1);
    assert_int_equal(edit_distance("name", "mame"), 1);
    assert_int_equal(edit_distance("pid", "pdi"), 1);
    assert_int_equal(edit_distance("", "abc"), 3);
    assert_int_equal(edit_distance("kitten", "sitting"), 3);
    assert_int_equal(edit_distance("ca", "abc"), 3);
}

static void it_is_the_same_both_ways(void **state)
{
    (void)state;
    assert_int_equal(edit_distance("migration", "migration-key"), 4);
    assert_int_equal(edit_distance("migration-key", "migration"), 4);
}

static void a_name_that_is_too_long_is_like_nothing(void **state)
{
    (void)state;
    char name[EDIT_DISTANCE_NAME_MAX + 2];

    memset(name, 'x', sizeof name);
    name[EDIT_DISTANCE_NAME_MAX + 1] = '\0';
    assert_true(edit_distance(name, "x") == SIZE_MAX);
    assert_true(edit_distance("x", name) == SIZE_MAX);
    name[EDIT_DISTANCE_NAME_MAX] = '\0';
    assert_int_equal(edit_distance(name, ""), EDIT_DISTANCE_NAME_MAX);
}

static void a_third_of_the_name_may_be_wrong(void **state)
{
    (void)state;
    assert_true(edit_distance_is_near(1, "a"));
    assert_false(edit_distance_is_near(2, "abc"));
    assert_true(edit_distance_is_near(2, "abcdef"));
    assert_false(edit_distance_is_near(SIZE_MAX, "abcdef"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_names_have_no_distance),
        cmocka_unit_test(each_edit_counts_one),
        cmocka_unit_test(it_is_the_same_both_ways),
        cmocka_unit_test(a_name_that_is_too_long_is_like_nothing),
        cmocka_unit_test(a_third_of_the_name_may_be_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
