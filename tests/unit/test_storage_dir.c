/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
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

#include "plugin_files.h"
#include "store_place.h"

static void what_was_put_is_got_until_it_is_deleted(void **state)
{
    const struct store_place *place = *state;

    assert_int_equal(store_put(place->storage, "tpm2-00.permall", "first"), 0);
    assert_int_equal(store_put(place->storage, "tpm2-00.permall", "second one"), 0);
    assert_stored(place->storage, "tpm2-00.permall", "second one");
    assert_contents(path_in(place->location, "tpm2-00.permall"), "second one");
    assert_int_equal(count_entries(place->location), 1);
    assert_int_equal(store_ops->del(place->storage, "tpm2-00.permall", 0, &store_error), 0);
    assert_int_equal(store_failing_get(place->storage, "tpm2-00.permall"), SWTPM_PLUGIN_NOT_FOUND);
    assert_int_equal(store_ops->del(place->storage, "tpm2-00.permall", 0, &store_error),
                     SWTPM_PLUGIN_NOT_FOUND);
    assert_int_equal(count_entries(place->location), 0);
}

static void a_value_may_have_any_size_up_to_the_limit(void **state)
{
    const struct store_place *place = *state;
    static const size_t sizes[] = {0, 1, 4095, 4096, 65537, SWTPM_STORAGE_VALUE_MAX};
    unsigned char *in = malloc(SWTPM_STORAGE_VALUE_MAX);
    unsigned char *out = malloc(SWTPM_STORAGE_VALUE_MAX);

    assert_non_null(in);
    assert_non_null(out);
    for (size_t i = 0; i < SWTPM_STORAGE_VALUE_MAX; i++)
        in[i] = (unsigned char)(i * 31 + i / 251);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t size = SIZE_MAX;
        assert_int_equal(store_ops->put(place->storage, "value", (struct swtpm_bytes){in, sizes[i]},
                                        SWTPM_STORAGE_DURABLE, &store_error),
                         0);
        assert_int_equal(store_ops->get(place->storage, "value", (struct swtpm_buffer){NULL, 0},
                                        &size, &store_error),
                         0);
        assert_int_equal(size, sizes[i]);
        size = SIZE_MAX;
        assert_int_equal(store_ops->get(place->storage, "value",
                                        (struct swtpm_buffer){out, SWTPM_STORAGE_VALUE_MAX}, &size,
                                        &store_error),
                         0);
        assert_int_equal(size, sizes[i]);
        assert_int_equal(memcmp(in, out, size), 0);
    }
    assert_int_equal(store_ops->put(place->storage, "value",
                                    (struct swtpm_bytes){in, SWTPM_STORAGE_VALUE_MAX + 1}, 0,
                                    &store_error),
                     SWTPM_PLUGIN_INVALID);
    free(in);
    free(out);
}

static void an_empty_value_needs_no_data(void **state)
{
    const struct store_place *place = *state;
    size_t size = SIZE_MAX;
    char byte = 'x';

    assert_int_equal(
        store_ops->put(place->storage, "empty", (struct swtpm_bytes){NULL, 0}, 0, &store_error), 0);
    assert_int_equal(store_ops->get(place->storage, "empty", (struct swtpm_buffer){&byte, 1}, &size,
                                    &store_error),
                     0);
    assert_int_equal(size, 0);
    assert_int_equal(byte, 'x');
}

static void a_buffer_that_is_too_small_stays_as_it_is(void **state)
{
    const struct store_place *place = *state;
    char data[5] = "abcd";
    size_t size = 4711;

    assert_int_equal(store_put(place->storage, "value", "12345"), 0);
    assert_int_equal(store_ops->get(place->storage, "value", (struct swtpm_buffer){data, 4}, &size,
                                    &store_error),
                     SWTPM_PLUGIN_TOO_SMALL);
    assert_string_equal(data, "abcd");
    assert_int_equal(size, 4711);
    assert_int_equal(store_ops->get(place->storage, "value", (struct swtpm_buffer){data, 5}, &size,
                                    &store_error),
                     0);
    assert_memory_equal(data, "12345", 5);
}

static void hostile_names_are_refused(void **state)
{
    const struct store_place *place = *state;
    static const char *const bad[] = {
        "",
        ".",
        "..",
        ".lock",
        ".hidden",
        "-rf",
        "TMP-00.permall",
        "a/b",
        "../outside",
        "/etc/x",
        "a b",
        "a\nb",
        "\xff",
        "A",
        "a_b",
        "1234567890123456789012345678901234567890123456789012345678901234"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(store_put(place->storage, bad[i], "x"), SWTPM_PLUGIN_INVALID);
        assert_store_error("cannot be the name of a value");
        assert_int_equal(store_failing_get(place->storage, bad[i]), SWTPM_PLUGIN_INVALID);
        assert_int_equal(store_ops->del(place->storage, bad[i], 0, &store_error),
                         SWTPM_PLUGIN_INVALID);
    }
    assert_int_equal(count_entries(place->location), 0);
    assert_int_equal(count_entries(place->directory), 1);
}

static void a_file_that_is_too_large_is_corrupt(void **state)
{
    const struct store_place *place = *state;
    const char *path = path_in(place->location, "value");
    size_t size;

    write_file(path, "");
    assert_int_equal(truncate(path, (off_t)SWTPM_STORAGE_VALUE_MAX + 1), 0);
    assert_int_equal(store_failing_get(place->storage, "value"), SWTPM_PLUGIN_CORRUPT);
    assert_store_error("16777217 bytes");
    assert_int_equal(store_ops->get(place->storage, "value", (struct swtpm_buffer){NULL, 0}, &size,
                                    &store_error),
                     SWTPM_PLUGIN_CORRUPT);
    assert_int_equal(truncate(path, (off_t)1 << 40), 0);
    assert_int_equal(store_failing_get(place->storage, "value"), SWTPM_PLUGIN_CORRUPT);
}

static void files_have_the_mode_asked_for_whatever_the_umask(void **state)
{
    const struct store_place *place = *state;
    static const mode_t modes[][2] = {{0600, 0700}, {0640, 0750}, {0660, 0770},
                                      {0644, 0755}, {0604, 0705}, {0440, 0750}};
    mode_t umask_before = umask(0077);

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        char location[PATH_MAX];
        snprintf(location, sizeof location, "%s/%zu", place->directory, i);
        const struct swtpm_storage_parameters parameters = {.location = location,
                                                            .mode = modes[i][0],
                                                            .flags = SWTPM_STORAGE_CREATE,
                                                            .announce_path = store_welcome_path};
        struct swtpm_storage *storage = NULL;
        assert_int_equal(store_ops->open(&storage, &parameters, &store_error), 0);
        assert_int_equal(store_ops->lock(storage, &store_error), 0);
        assert_int_equal(store_put(storage, "value", "x"), 0);
        assert_int_equal(mode_of(location), modes[i][1]);
        assert_int_equal(mode_of(path_in(location, "value")), modes[i][0]);
        assert_int_equal(mode_of(path_in(location, ".lock")), 0660);
        store_ops->close(storage);
        umask(0);
    }
    umask(umask_before);
}

static void a_new_mode_takes_effect_with_the_next_put(void **state)
{
    const struct store_place *place = *state;
    const char *path = path_in(place->location, "value");

    assert_int_equal(store_put(place->storage, "value", "x"), 0);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(store_put(place->storage, "value", "y"), 0);
    assert_int_equal(mode_of(path), 0640);
}

static void what_root_makes_belongs_to_the_directorys_owner(void **state)
{
    const struct store_place *place = *state;
    struct stat status;

    skip_unless_root(__func__);
    assert_int_equal(chown(place->location, 4711, 4712), 0);
    struct swtpm_storage *storage = store_open(place->location);
    assert_int_equal(store_ops->lock(storage, &store_error), 0);
    assert_int_equal(store_put(storage, "value", "x"), 0);
    store_ops->close(storage);
    assert_int_equal(lstat(path_in(place->location, "value"), &status), 0);
    assert_int_equal(status.st_uid, 4711);
    assert_int_equal(status.st_gid, 4712);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(lstat(path_in(place->location, ".lock"), &status), 0);
    assert_int_equal(status.st_uid, 4711);
}

static void a_leftover_temporary_file_makes_room(void **state)
{
    const struct store_place *place = *state;
    static const char *const names[][2] = {{"tpm-00.permall", "TMP-00.permall"},
                                           {"tpm2-00.permall", "TMP2-00.permall"},
                                           {"tpm2-00.volatilestate", "TMP2-00.volatilestate"},
                                           {"tpm2-00.permall.bak", "TMP2-00.permall.bak"},
                                           {"other", "TMP-other"}};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        write_file(path_in(place->location, names[i][1]), "half a value that is longer");
        assert_int_equal(store_put(place->storage, names[i][0], "whole"), 0);
        assert_contents(path_in(place->location, names[i][0]), "whole");
        assert_false(exists(path_in(place->location, names[i][1])));
    }
}

static void a_directory_in_place_of_the_temporary_file_is_reported(void **state)
{
    const struct store_place *place = *state;
    const char *path = path_in(place->location, "TMP-value");

    assert_int_equal(store_put(place->storage, "value", "old"), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(store_put(place->storage, "value", "new"), SWTPM_PLUGIN_DENIED);
    assert_store_error(path);
    assert_stored(place->storage, "value", "old");
}

struct listing {
    char names[256]; /* each followed by its size and a space, unordered */
    int answer;
};

static int note_value(void *context, const char *name, uint64_t size)
{
    struct listing *listing = context;
    size_t used = strlen(listing->names);
    snprintf(listing->names + used, sizeof listing->names - used, "%s=%" PRIu64 " ", name, size);
    return listing->answer;
}

static void a_list_shows_values_only(void **state)
{
    const struct store_place *place = *state;
    struct listing listing = {.answer = 0};

    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
    assert_int_equal(store_put(place->storage, "tpm2-00.permall", "12345"), 0);
    assert_int_equal(store_put(place->storage, "a", ""), 0);
    write_file(path_in(place->location, "TMP2-00.permall"), "x");
    write_file(path_in(place->location, ".hidden"), "x");
    write_file(path_in(place->location, "README"), "x");
    write_file(path_in(place->location, "a~"), "x");
    assert_int_equal(mkdir(path_in(place->location, "directory"), 0755), 0);
    assert_int_equal(symlink("a", path_in(place->location, "link")), 0);
    assert_int_equal(store_ops->list(place->storage, note_value, &listing, &store_error), 0);
    if (strcmp(listing.names, "tpm2-00.permall=5 a=0 ") != 0)
        assert_string_equal(listing.names, "a=0 tpm2-00.permall=5 ");

    listing = (struct listing){.answer = 42};
    assert_int_equal(store_ops->list(place->storage, note_value, &listing, &store_error), 42);
    assert_true(strcmp(listing.names, "a=0 ") == 0 ||
                strcmp(listing.names, "tpm2-00.permall=5 ") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(what_was_put_is_got_until_it_is_deleted),
        STORE_TEST(a_value_may_have_any_size_up_to_the_limit),
        STORE_TEST(an_empty_value_needs_no_data),
        STORE_TEST(a_buffer_that_is_too_small_stays_as_it_is),
        STORE_TEST(hostile_names_are_refused),
        STORE_TEST(a_file_that_is_too_large_is_corrupt),
        STORE_TEST(files_have_the_mode_asked_for_whatever_the_umask),
        STORE_TEST(a_new_mode_takes_effect_with_the_next_put),
        STORE_TEST(what_root_makes_belongs_to_the_directorys_owner),
        STORE_TEST(a_leftover_temporary_file_makes_room),
        STORE_TEST(a_directory_in_place_of_the_temporary_file_is_reported),
        STORE_TEST(a_list_shows_values_only),
    };
    return cmocka_run_group_tests(tests, store_load_plugin, store_remove_plugin);
}
