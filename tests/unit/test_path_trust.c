/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin/path_trust.h"
#include "plugin_files.h"

/* A file three directories below one that root trusts: DIRECTORY/a/b/file. */
struct place {
    char *directory;
    char a[PATH_MAX];
    char b[PATH_MAX];
    char file[PATH_MAX];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    place->directory = plugin_directory_make();
    snprintf(place->a, sizeof place->a, "%s", path_in(place->directory, "a"));
    snprintf(place->b, sizeof place->b, "%s", path_in(place->directory, "a/b"));
    snprintf(place->file, sizeof place->file, "%s", path_in(place->directory, "a/b/file"));
    assert_int_equal(mkdir(place->a, 0755), 0);
    assert_int_equal(mkdir(place->b, 0755), 0);
    plugin_file_write(place->b, "file", (struct file_bytes){0});
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    plugin_directory_remove(place->directory);
    free(place);
    return 0;
}

static void skip_unless_root(const char *test)
{
    if (geteuid() == 0)
        return;
    print_message("skipped: %s: only root can make files of root's\n", test);
    skip();
}

static void assert_refused(const char *path, const char *component, const char *reason)
{
    struct error error;
    char quoted[PATH_MAX + 2];

    assert_int_equal(path_trust_check(path, &error), -1);
    snprintf(quoted, sizeof quoted, "'%s'", component);
    if (strstr(error.text, quoted) == NULL || strstr(error.text, reason) == NULL)
        fail_msg("wanted %s and \"%s\" in: %s", quoted, reason, error.text);
}

static void what_only_root_can_write_is_trusted(void **state)
{
    const struct place *place = *state;
    struct error error;

    skip_unless_root(__func__);
    if (path_trust_check(place->file, &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(path_trust_check("/", &error), 0);
}

static void a_component_that_others_can_write_is_named(void **state)
{
    const struct place *place = *state;
    const char *components[] = {place->directory, place->a, place->b, place->file};
    static const mode_t modes[] = {0775, 0757, 0777, 01777, 0720, 0702};

    skip_unless_root(__func__);
    for (size_t i = 0; i < sizeof components / sizeof components[0]; i++)
        for (size_t j = 0; j < sizeof modes / sizeof modes[0]; j++) {
            assert_int_equal(chmod(components[i], modes[j]), 0);
            assert_refused(place->file, components[i], "writable by others");
            assert_int_equal(chmod(components[i], 0755), 0);
        }
}

static void a_component_of_another_user_is_named(void **state)
{
    const struct place *place = *state;
    const char *components[] = {place->directory, place->a, place->b, place->file};

    skip_unless_root(__func__);
    for (size_t i = 0; i < sizeof components / sizeof components[0]; i++) {
        assert_int_equal(chown(components[i], 4711, (gid_t)-1), 0);
        assert_refused(place->file, components[i], "belongs to user 4711");
        assert_int_equal(chown(components[i], 0, (gid_t)-1), 0);
    }
}

static void the_sticky_bit_makes_no_directory_trusted(void **state)
{
    (void)state;
    struct stat status;

    assert_int_equal(stat("/tmp", &status), 0);
    if ((status.st_mode & S_IWOTH) == 0) {
        print_message("skipped: %s: /tmp is not writable by all here\n", __func__);
        skip();
    }
    assert_refused("/tmp", "/tmp", "writable by others");
    assert_refused("/tmp/some/file", "/tmp", "writable by others");
}

static void a_link_that_appears_in_a_real_path_is_refused(void **state)
{
    const struct place *place = *state;

    skip_unless_root(__func__);
    char *link_path = strdup(path_in(place->directory, "link"));
    assert_non_null(link_path);
    assert_int_equal(symlink(place->a, link_path), 0);
    assert_refused(path_in(link_path, "b/file"), link_path, "symbolic link");
    free(link_path);
}

static void what_does_not_exist_is_refused(void **state)
{
    const struct place *place = *state;

    skip_unless_root(__func__);
    const char *missing = path_in(place->a, "missing");
    assert_refused(path_in(missing, "file"), missing, "No such file");
}

static void a_relative_path_is_refused(void **state)
{
    (void)state;
    assert_refused("usr/lib", "usr/lib", "not the real path");
    assert_refused("", "", "not the real path");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_only_root_can_write_is_trusted, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(a_component_that_others_can_write_is_named, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(a_component_of_another_user_is_named, make_place,
                                        remove_place),
        cmocka_unit_test(the_sticky_bit_makes_no_directory_trusted),
        cmocka_unit_test_setup_teardown(a_link_that_appears_in_a_real_path_is_refused, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(what_does_not_exist_is_refused, make_place, remove_place),
        cmocka_unit_test(a_relative_path_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
