/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "child.h"
#include "plugin_files.h"
#include "store_place.h"

static void a_directory_is_made_only_if_that_is_asked_for(void **state)
{
    const struct store_place *place = *state;
    struct swtpm_storage *storage = NULL;
    const char *location = path_in(place->directory, "new");

    assert_int_equal(store_try_open(location, 0, &storage), SWTPM_PLUGIN_NOT_FOUND);
    assert_store_error(location);
    assert_int_equal(
        store_try_open(location, SWTPM_STORAGE_CREATE | SWTPM_STORAGE_READ_ONLY, &storage),
        SWTPM_PLUGIN_NOT_FOUND);
    assert_null(storage);
    assert_false(exists(location));
    assert_int_equal(store_try_open(location, SWTPM_STORAGE_CREATE, &storage), 0);
    store_ops->close(storage);
    assert_int_equal(mode_of(location), 0750);
}

static void a_directory_is_made_only_beneath_an_existing_one(void **state)
{
    const struct store_place *place = *state;
    struct swtpm_storage *storage = NULL;
    const char *parent = path_in(place->directory, "new");

    assert_int_equal(store_try_open(path_in(parent, "state"), SWTPM_STORAGE_CREATE, &storage),
                     SWTPM_PLUGIN_NOT_FOUND);
    assert_store_error("its parent");
    assert_store_error(parent);
    assert_false(exists(parent));
}

static void slashes_at_the_end_and_relative_paths_are_fine(void **state)
{
    const struct store_place *place = *state;
    char here[PATH_MAX];
    static const char *const locations[] = {"relative", "./relative/", "relative///",
                                            "state/../relative", "."};

    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(place->directory), 0);
    for (size_t i = 0; i < sizeof locations / sizeof locations[0]; i++)
        store_ops->close(store_open(locations[i]));
    assert_int_equal(chdir(here), 0);
    assert_int_equal(count_entries(place->directory), 2);
}

static void a_location_that_is_no_directory_is_refused(void **state)
{
    const struct store_place *place = *state;
    struct swtpm_storage *storage = NULL;
    char *long_location = malloc(PATH_MAX + 1);

    assert_non_null(long_location);
    memset(long_location, 'a', PATH_MAX);
    long_location[PATH_MAX] = '\0';
    assert_int_equal(store_try_open("", SWTPM_STORAGE_CREATE, &storage), SWTPM_PLUGIN_INVALID);
    assert_int_equal(store_try_open(long_location, SWTPM_STORAGE_CREATE, &storage),
                     SWTPM_PLUGIN_INVALID);
    long_location[300] = '\0';
    assert_int_equal(store_try_open(long_location, SWTPM_STORAGE_CREATE, &storage),
                     SWTPM_PLUGIN_INVALID);
    free(long_location);
    write_file(path_in(place->directory, "file"), "x");
    assert_int_equal(
        store_try_open(path_in(place->directory, "file"), SWTPM_STORAGE_CREATE, &storage),
        SWTPM_PLUGIN_DENIED);
    assert_store_error("Not a directory");
    assert_null(storage);
}

struct announcement {
    char path[PATH_MAX];
    uint32_t access;
    int answer;
};

static int note_path(void *context, const char *path, uint32_t access)
{
    struct announcement *announcement = context;
    assert_string_equal(announcement->path, "");
    snprintf(announcement->path, sizeof announcement->path, "%s", path);
    announcement->access = access;
    return announcement->answer;
}

static void open_announces_the_directory(void **state)
{
    const struct store_place *place = *state;
    struct announcement announcement = {.answer = 0};
    struct swtpm_storage_parameters parameters = {
        .location = place->location, .announce_path = note_path, .context = &announcement};
    struct swtpm_storage *storage = NULL;

    assert_int_equal(store_ops->open(&storage, &parameters, &store_error), 0);
    store_ops->close(storage);
    assert_string_equal(announcement.path, place->location);
    assert_int_equal(announcement.access, SWTPM_PATH_READ | SWTPM_PATH_WRITE);

    announcement = (struct announcement){.answer = 0};
    parameters.flags = SWTPM_STORAGE_READ_ONLY;
    assert_int_equal(store_ops->open(&storage, &parameters, &store_error), 0);
    store_ops->close(storage);
    assert_int_equal(announcement.access, SWTPM_PATH_READ);

    announcement = (struct announcement){.answer = SWTPM_PLUGIN_NO_SPACE};
    storage = NULL;
    unsigned descriptors = count_descriptors();
    assert_int_equal(store_ops->open(&storage, &parameters, &store_error), SWTPM_PLUGIN_NO_SPACE);
    assert_null(storage);
    assert_int_equal(count_descriptors(), descriptors);
}

static int visit_nothing(void *context, const char *name, uint64_t size)
{
    (void)context;
    (void)name;
    (void)size;
    return 0;
}

static void close_leaves_no_descriptor_behind(void **state)
{
    const struct store_place *place = *state;
    unsigned descriptors = count_descriptors();
    char location[PATH_MAX];

    for (unsigned i = 0; i < 3; i++) {
        snprintf(location, sizeof location, "%s/%u", place->directory, i);
        struct swtpm_storage *storage = store_open(location);
        assert_int_equal(store_ops->lock(storage, &store_error), 0);
        assert_int_equal(store_put(storage, "value", "x"), 0);
        assert_stored(storage, "value", "x");
        assert_int_equal(store_failing_get(storage, "missing"), SWTPM_PLUGIN_NOT_FOUND);
        assert_int_equal(store_ops->list(storage, visit_nothing, NULL, &store_error), 0);
        store_ops->close(storage);
    }
    assert_int_equal(count_descriptors(), descriptors);
}

static void a_read_only_store_changes_nothing(void **state)
{
    struct store_place *place = *state;
    struct swtpm_storage *storage = NULL;

    assert_int_equal(store_put(place->storage, "value", "x"), 0);
    assert_int_equal(store_try_open(place->location, SWTPM_STORAGE_READ_ONLY, &storage), 0);
    assert_int_equal(store_put(storage, "value", "y"), SWTPM_PLUGIN_DENIED);
    assert_store_error("for reading only");
    assert_int_equal(store_ops->del(storage, "value", 0, &store_error), SWTPM_PLUGIN_DENIED);
    assert_int_equal(store_ops->lock(storage, &store_error), SWTPM_PLUGIN_DENIED);
    assert_stored(storage, "value", "x");
    store_ops->close(storage);
    assert_int_equal(count_entries(place->location), 1);
}

/* In a child that gives up root's rights: opens, then calls `op`, if there is one; exits with minus
 * the code. */
struct attempt {
    const char *location;
    int (*op)(struct swtpm_storage *storage);
    char message[SWTPM_PLUGIN_ERROR_SIZE];
};

static void attempt_as_nobody(void *shared)
{
    struct attempt *attempt = shared;
    struct swtpm_storage *storage = NULL;

    if (setgid(65534) != 0 || setuid(65534) != 0)
        _exit(99);
    int code = store_try_open(attempt->location, SWTPM_STORAGE_CREATE, &storage);
    if (code == 0 && attempt->op != NULL)
        code = attempt->op(storage);
    if (storage != NULL)
        store_ops->close(storage);
    memcpy(attempt->message, store_error.message, sizeof attempt->message);
    _exit(-code);
}

static void assert_denied_to_nobody(const char *location, int (*op)(struct swtpm_storage *storage),
                                    const char *path)
{
    struct attempt *attempt = child_shared(sizeof *attempt);

    *attempt = (struct attempt){.location = location, .op = op};
    int status = child_run(attempt_as_nobody, attempt);
    assert_true(WIFEXITED(status));
    assert_int_equal(-WEXITSTATUS(status), SWTPM_PLUGIN_DENIED);
    if (strstr(attempt->message, path) == NULL ||
        strstr(attempt->message, "Permission denied") == NULL)
        fail_msg("wanted %s and the reason in: %s", path, attempt->message);
}

static int get_value(struct swtpm_storage *storage)
{
    return store_failing_get(storage, "value");
}

static int put_value(struct swtpm_storage *storage)
{
    return store_put(storage, "value", "new");
}

static int delete_value(struct swtpm_storage *storage)
{
    return store_ops->del(storage, "value", 0, &store_error);
}

static int take_lock(struct swtpm_storage *storage)
{
    return store_ops->lock(storage, &store_error);
}

static void missing_permissions_are_told(void **state)
{
    const struct store_place *place = *state;

    skip_unless_root(__func__);
    assert_int_equal(store_put(place->storage, "value", "old"), 0);
    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
    assert_int_equal(store_ops->unlock(place->storage, &store_error), 0);
    assert_int_equal(chmod(place->directory, 0755), 0);
    assert_denied_to_nobody(place->location, NULL, place->location);
    assert_denied_to_nobody(path_in(place->directory, "another"), NULL, "another");

    assert_int_equal(chmod(place->location, 0755), 0);
    assert_denied_to_nobody(place->location, get_value, path_in(place->location, "value"));
    assert_denied_to_nobody(place->location, put_value, path_in(place->location, "TMP-value"));
    assert_denied_to_nobody(place->location, delete_value, path_in(place->location, "value"));
    assert_denied_to_nobody(place->location, take_lock, path_in(place->location, ".lock"));
    assert_contents(path_in(place->location, "value"), "old");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_directory_is_made_only_if_that_is_asked_for),
        STORE_TEST(a_directory_is_made_only_beneath_an_existing_one),
        STORE_TEST(slashes_at_the_end_and_relative_paths_are_fine),
        STORE_TEST(a_location_that_is_no_directory_is_refused),
        STORE_TEST(open_announces_the_directory),
        STORE_TEST(close_leaves_no_descriptor_behind),
        STORE_TEST(a_read_only_store_changes_nothing),
        STORE_TEST(missing_permissions_are_told),
    };
    return cmocka_run_group_tests(tests, store_load_plugin, store_remove_plugin);
}
