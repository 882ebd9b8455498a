/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin_files.h"
#include "store_place.h"

static void a_link_in_place_of_the_directory_is_refused(void **state)
{
    const struct store_place *place = *state;
    const char *link_path = path_in(place->directory, "link");
    struct swtpm_storage *storage = NULL;

    assert_int_equal(symlink(place->location, link_path), 0);
    assert_int_equal(store_try_open(link_path, SWTPM_STORAGE_CREATE, &storage),
                     SWTPM_PLUGIN_DENIED);
    assert_store_error("symbolic link");
    assert_int_equal(store_try_open(path_in(link_path, "/"), SWTPM_STORAGE_CREATE, &storage),
                     SWTPM_PLUGIN_DENIED);
    assert_int_equal(unlink(link_path), 0);
    assert_int_equal(symlink(path_in(place->directory, "nowhere"), link_path), 0);
    assert_int_not_equal(store_try_open(link_path, SWTPM_STORAGE_CREATE, &storage), 0);
    assert_false(exists(path_in(place->directory, "nowhere")));
    assert_null(storage);
}

static void links_above_the_directory_are_followed(void **state)
{
    const struct store_place *place = *state;
    const char *link_path = path_in(place->directory, "link");

    assert_int_equal(symlink(place->directory, link_path), 0);
    assert_int_equal(store_put(place->storage, "value", "x"), 0);
    struct swtpm_storage *storage = store_open(path_in(link_path, "state"));
    assert_stored(storage, "value", "x");
    store_ops->close(storage);
}

static void a_link_in_place_of_a_value_is_not_followed(void **state)
{
    const struct store_place *place = *state;
    const char *target = path_in(place->directory, "target");
    const char *value = path_in(place->location, "value");
    size_t size;

    write_file(target, "precious");
    assert_int_equal(symlink(target, value), 0);
    assert_int_equal(store_failing_get(place->storage, "value"), SWTPM_PLUGIN_DENIED);
    assert_store_error("symbolic link");
    assert_int_equal(store_ops->get(place->storage, "value", (struct swtpm_buffer){NULL, 0}, &size,
                                    &store_error),
                     SWTPM_PLUGIN_DENIED);
    assert_int_equal(store_put(place->storage, "value", "state"), 0);
    assert_contents(target, "precious");
    assert_stored(place->storage, "value", "state");

    assert_int_equal(unlink(value), 0);
    assert_int_equal(symlink(target, value), 0);
    assert_int_equal(store_ops->del(place->storage, "value", 0, &store_error), 0);
    assert_contents(target, "precious");
    assert_false(exists(value));
}

static void a_link_in_place_of_the_temporary_file_is_not_followed(void **state)
{
    const struct store_place *place = *state;
    const char *target = path_in(place->directory, "target");

    write_file(target, "precious");
    assert_int_equal(symlink(target, path_in(place->location, "TMP2-00.permall")), 0);
    assert_int_equal(store_put(place->storage, "tpm2-00.permall", "state"), 0);
    assert_contents(target, "precious");
    assert_stored(place->storage, "tpm2-00.permall", "state");
    assert_int_equal(count_entries(place->location), 1);
}

static void a_link_in_place_of_the_lock_file_is_refused(void **state)
{
    const struct store_place *place = *state;
    const char *target = path_in(place->directory, "target");
    const char *lock = path_in(place->location, ".lock");

    write_file(target, "precious");
    assert_int_equal(symlink(target, lock), 0);
    assert_int_equal(store_ops->lock(place->storage, &store_error), SWTPM_PLUGIN_DENIED);
    assert_store_error(lock);
    assert_contents(target, "precious");
    assert_int_equal(unlink(target), 0);
    assert_int_equal(store_ops->lock(place->storage, &store_error), SWTPM_PLUGIN_DENIED);
    assert_false(exists(target));
}

static void what_is_no_file_is_no_value(void **state)
{
    const struct store_place *place = *state;

    assert_int_equal(mkfifo(path_in(place->location, "fifo"), 0666), 0);
    assert_int_equal(mkdir(path_in(place->location, "directory"), 0755), 0);
    assert_int_equal(mkfifo(path_in(place->location, ".lock"), 0666), 0);
    alarm(60); /* a FIFO that is waited for would hang the test */
    assert_int_equal(store_failing_get(place->storage, "fifo"), SWTPM_PLUGIN_DENIED);
    assert_store_error("is not a regular file");
    assert_int_equal(store_failing_get(place->storage, "directory"), SWTPM_PLUGIN_DENIED);
    assert_int_equal(store_ops->lock(place->storage, &store_error), SWTPM_PLUGIN_DENIED);
    assert_store_error("is not a regular file");
    alarm(0);
    assert_int_equal(store_put(place->storage, "directory", "x"), SWTPM_PLUGIN_DENIED);
    assert_int_equal(count_entries(place->location), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_link_in_place_of_the_directory_is_refused),
        STORE_TEST(links_above_the_directory_are_followed),
        STORE_TEST(a_link_in_place_of_a_value_is_not_followed),
        STORE_TEST(a_link_in_place_of_the_temporary_file_is_not_followed),
        STORE_TEST(a_link_in_place_of_the_lock_file_is_refused),
        STORE_TEST(what_is_no_file_is_no_value),
    };
    return cmocka_run_group_tests(tests, store_load_plugin, store_remove_plugin);
}
