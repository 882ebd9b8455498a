/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
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
#include "plugin/search.h"
#include "plugin_files.h"

/* The ops of storage-dir are called as they are, without the host's wrapper. */
static const struct swtpm_storage_ops *ops;
static char *plugin_directory;

/* Each test has a directory, and one for state in it that storage-dir makes. */
struct place {
    char *directory;
    char *location; /* directory/state */
    struct swtpm_storage *storage;
};

static struct swtpm_plugin_error error;

/* ------------------------------------------------------------------------------- set-up ------ */

static int load_plugin(void **state)
{
    (void)state;
    struct error load_error;

    plugin_directory = plugin_directory_make();
    plugin_file_copy(plugin_directory, "storage-dir.so", "storage-dir.so");
    const struct plugin_search search = {.directory = plugin_directory};
    const struct swtpm_plugin *plugin =
        plugin_load(&search, SWTPM_PLUGIN_STORAGE, "dir", &load_error);
    if (plugin == NULL)
        fail_msg("%s", load_error.text);
    ops = plugin->ops.storage;
    return 0;
}

static int remove_plugin(void **state)
{
    (void)state;
    plugin_directory_remove(plugin_directory);
    return 0;
}

static int welcome_path(void *context, const char *path, uint32_t access)
{
    (void)context;
    (void)path;
    (void)access;
    return 0;
}

static int try_open(const char *location, uint32_t flags, struct swtpm_storage **storage)
{
    const struct swtpm_storage_parameters parameters = {
        .location = location, .mode = 0640, .flags = flags, .announce_path = welcome_path};

    error.message[0] = '\0';
    return ops->open(storage, &parameters, &error);
}

static struct swtpm_storage *open_store(const char *location)
{
    struct swtpm_storage *storage = NULL;
    if (try_open(location, SWTPM_STORAGE_CREATE, &storage) != 0)
        fail_msg("%s", error.message);
    return storage;
}

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    place->directory = plugin_directory_make();
    assert_true(asprintf(&place->location, "%s/state", place->directory) > 0);
    place->storage = open_store(place->location);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    if (place->storage != NULL)
        ops->close(place->storage);
    plugin_directory_remove(place->directory);
    free(place->location);
    free(place);
    return 0;
}

/* ------------------------------------------------------------------------------ helpers ------ */

static int put(struct swtpm_storage *storage, const char *name, const char *value)
{
    const struct swtpm_bytes bytes = {.data = value, .size = strlen(value)};
    return ops->put(storage, name, bytes, 0, &error);
}

static void assert_stored(struct swtpm_storage *storage, const char *name, const char *expected)
{
    char data[256] = "";
    size_t size = SIZE_MAX;

    if (ops->get(storage, name, (struct swtpm_buffer){data, sizeof data}, &size, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(data, expected, size);
}

/* The code of a get of that value, which must leave its outputs alone. */
static int failing_get(struct swtpm_storage *storage, const char *name)
{
    unsigned char data[64], untouched[64];
    size_t size = 4711;

    memset(data, 0x5a, sizeof data);
    memset(untouched, 0x5a, sizeof untouched);
    int code = ops->get(storage, name, (struct swtpm_buffer){data, sizeof data}, &size, &error);
    assert_int_equal(size, 4711);
    assert_memory_equal(data, untouched, sizeof data);
    return code;
}

static void assert_message(const char *wanted)
{
    if (strstr(error.message, wanted) == NULL)
        fail_msg("wanted \"%s\" in: %s", wanted, error.message);
}

static void write_file(const char *path, const char *contents)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, contents, strlen(contents)), strlen(contents));
    close(fd);
}

static void assert_contents(const char *path, const char *expected)
{
    char contents[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t size = read(fd, contents, sizeof contents);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(contents, expected, (size_t)size);
    close(fd);
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    return status.st_mode & 07777;
}

static int exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

/* Entries of a directory, . and .. not counted. */
static unsigned count_entries(const char *path)
{
    DIR *stream = opendir(path);
    unsigned count = 0;

    assert_non_null(stream);
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(stream);
    return count;
}

static unsigned count_descriptors(void)
{
    return count_entries("/proc/self/fd");
}

static void skip_unless_root(const char *test)
{
    if (geteuid() == 0)
        return;
    print_message("skipped: %s: only root can become somebody else\n", test);
    skip();
}

/* ------------------------------------------------------------------------------- values ------ */

static void what_was_put_is_got_until_it_is_deleted(void **state)
{
    const struct place *place = *state;

    assert_int_equal(put(place->storage, "tpm2-00.permall", "first"), 0);
    assert_int_equal(put(place->storage, "tpm2-00.permall", "second one"), 0);
    assert_stored(place->storage, "tpm2-00.permall", "second one");
    assert_contents(path_in(place->location, "tpm2-00.permall"), "second one");
    assert_int_equal(count_entries(place->location), 1);
    assert_int_equal(ops->del(place->storage, "tpm2-00.permall", 0, &error), 0);
    assert_int_equal(failing_get(place->storage, "tpm2-00.permall"), SWTPM_PLUGIN_NOT_FOUND);
    assert_int_equal(ops->del(place->storage, "tpm2-00.permall", 0, &error),
                     SWTPM_PLUGIN_NOT_FOUND);
    assert_int_equal(count_entries(place->location), 0);
}

static void a_value_may_have_any_size_up_to_the_limit(void **state)
{
    const struct place *place = *state;
    static const size_t sizes[] = {0, 1, 4095, 4096, 65537, SWTPM_STORAGE_VALUE_MAX};
    unsigned char *in = malloc(SWTPM_STORAGE_VALUE_MAX);
    unsigned char *out = malloc(SWTPM_STORAGE_VALUE_MAX);

    assert_non_null(in);
    assert_non_null(out);
    for (size_t i = 0; i < SWTPM_STORAGE_VALUE_MAX; i++)
        in[i] = (unsigned char)(i * 31 + i / 251);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t size = SIZE_MAX;
        assert_int_equal(ops->put(place->storage, "value", (struct swtpm_bytes){in, sizes[i]},
                                  SWTPM_STORAGE_DURABLE, &error), 0);
        assert_int_equal(ops->get(place->storage, "value", (struct swtpm_buffer){NULL, 0}, &size,
                                  &error), 0);
        assert_int_equal(size, sizes[i]);
        size = SIZE_MAX;
        assert_int_equal(ops->get(place->storage, "value",
                                  (struct swtpm_buffer){out, SWTPM_STORAGE_VALUE_MAX}, &size,
                                  &error), 0);
        assert_int_equal(size, sizes[i]);
        assert_int_equal(memcmp(in, out, size), 0);
    }
    assert_int_equal(ops->put(place->storage, "value",
                              (struct swtpm_bytes){in, SWTPM_STORAGE_VALUE_MAX + 1}, 0, &error),
                     SWTPM_PLUGIN_INVALID);
    free(in);
    free(out);
}

static void an_empty_value_needs_no_data(void **state)
{
    const struct place *place = *state;
    size_t size = SIZE_MAX;
    char byte = 'x';

    assert_int_equal(ops->put(place->storage, "empty", (struct swtpm_bytes){NULL, 0}, 0, &error),
                     0);
    assert_int_equal(ops->get(place->storage, "empty", (struct swtpm_buffer){&byte, 1}, &size,
                              &error), 0);
    assert_int_equal(size, 0);
    assert_int_equal(byte, 'x');
}

static void a_buffer_that_is_too_small_stays_as_it_is(void **state)
{
    const struct place *place = *state;
    char data[5] = "abcd";
    size_t size = 4711;

    assert_int_equal(put(place->storage, "value", "12345"), 0);
    assert_int_equal(ops->get(place->storage, "value", (struct swtpm_buffer){data, 4}, &size,
                              &error), SWTPM_PLUGIN_TOO_SMALL);
    assert_string_equal(data, "abcd");
    assert_int_equal(size, 4711);
    assert_int_equal(ops->get(place->storage, "value", (struct swtpm_buffer){data, 5}, &size,
                              &error), 0);
    assert_memory_equal(data, "12345", 5);
}

static void hostile_names_are_refused(void **state)
{
    const struct place *place = *state;
    static const char *const bad[] = {
        "", ".", "..", ".lock", ".hidden", "-rf", "TMP-00.permall", "a/b", "../outside", "/etc/x",
        "a b", "a\nb", "\xff", "A", "a_b",
        "1234567890123456789012345678901234567890123456789012345678901234"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(put(place->storage, bad[i], "x"), SWTPM_PLUGIN_INVALID);
        assert_message("cannot be the name of a value");
        assert_int_equal(failing_get(place->storage, bad[i]), SWTPM_PLUGIN_INVALID);
        assert_int_equal(ops->del(place->storage, bad[i], 0, &error), SWTPM_PLUGIN_INVALID);
    }
    assert_int_equal(count_entries(place->location), 0);
    assert_int_equal(count_entries(place->directory), 1);
}

static void a_file_that_is_too_large_is_corrupt(void **state)
{
    const struct place *place = *state;
    const char *path = path_in(place->location, "value");
    size_t size;

    write_file(path, "");
    assert_int_equal(truncate(path, (off_t)SWTPM_STORAGE_VALUE_MAX + 1), 0);
    assert_int_equal(failing_get(place->storage, "value"), SWTPM_PLUGIN_CORRUPT);
    assert_message("16777217 bytes");
    assert_int_equal(ops->get(place->storage, "value", (struct swtpm_buffer){NULL, 0}, &size,
                              &error), SWTPM_PLUGIN_CORRUPT);
    assert_int_equal(truncate(path, (off_t)1 << 40), 0);
    assert_int_equal(failing_get(place->storage, "value"), SWTPM_PLUGIN_CORRUPT);
}

/* -------------------------------------------------------------------------------- modes ------ */

static void files_have_the_mode_asked_for_whatever_the_umask(void **state)
{
    const struct place *place = *state;
    static const mode_t modes[][2] = {{0600, 0700}, {0640, 0750}, {0660, 0770}, {0644, 0755},
                                      {0604, 0705}, {0440, 0750}};
    mode_t umask_before = umask(0077);

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        char location[PATH_MAX];
        snprintf(location, sizeof location, "%s/%zu", place->directory, i);
        const struct swtpm_storage_parameters parameters = {.location = location,
                                                            .mode = modes[i][0],
                                                            .flags = SWTPM_STORAGE_CREATE,
                                                            .announce_path = welcome_path};
        struct swtpm_storage *storage = NULL;
        assert_int_equal(ops->open(&storage, &parameters, &error), 0);
        assert_int_equal(ops->lock(storage, &error), 0);
        assert_int_equal(put(storage, "value", "x"), 0);
        assert_int_equal(mode_of(location), modes[i][1]);
        assert_int_equal(mode_of(path_in(location, "value")), modes[i][0]);
        assert_int_equal(mode_of(path_in(location, ".lock")), 0660);
        ops->close(storage);
        umask(0);
    }
    umask(umask_before);
}

static void a_new_mode_takes_effect_with_the_next_put(void **state)
{
    const struct place *place = *state;
    const char *path = path_in(place->location, "value");

    assert_int_equal(put(place->storage, "value", "x"), 0);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(put(place->storage, "value", "y"), 0);
    assert_int_equal(mode_of(path), 0640);
}

static void what_root_makes_belongs_to_the_directorys_owner(void **state)
{
    const struct place *place = *state;
    struct stat status;

    skip_unless_root(__func__);
    assert_int_equal(chown(place->location, 4711, 4712), 0);
    struct swtpm_storage *storage = open_store(place->location);
    assert_int_equal(ops->lock(storage, &error), 0);
    assert_int_equal(put(storage, "value", "x"), 0);
    ops->close(storage);
    assert_int_equal(lstat(path_in(place->location, "value"), &status), 0);
    assert_int_equal(status.st_uid, 4711);
    assert_int_equal(status.st_gid, 4712);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(lstat(path_in(place->location, ".lock"), &status), 0);
    assert_int_equal(status.st_uid, 4711);
}

/* -------------------------------------------------------------------------------- open ------- */

static void a_directory_is_made_only_if_that_is_asked_for(void **state)
{
    const struct place *place = *state;
    struct swtpm_storage *storage = NULL;
    const char *location = path_in(place->directory, "new");

    assert_int_equal(try_open(location, 0, &storage), SWTPM_PLUGIN_NOT_FOUND);
    assert_message(location);
    assert_int_equal(try_open(location, SWTPM_STORAGE_CREATE | SWTPM_STORAGE_READ_ONLY, &storage),
                     SWTPM_PLUGIN_NOT_FOUND);
    assert_null(storage);
    assert_false(exists(location));
    assert_int_equal(try_open(location, SWTPM_STORAGE_CREATE, &storage), 0);
    ops->close(storage);
    assert_int_equal(mode_of(location), 0750);
}

static void a_directory_is_made_only_beneath_an_existing_one(void **state)
{
    const struct place *place = *state;
    struct swtpm_storage *storage = NULL;
    const char *parent = path_in(place->directory, "new");

    assert_int_equal(try_open(path_in(parent, "state"), SWTPM_STORAGE_CREATE, &storage),
                     SWTPM_PLUGIN_NOT_FOUND);
    assert_message("its parent");
    assert_message(parent);
    assert_false(exists(parent));
}

static void slashes_at_the_end_and_relative_paths_are_fine(void **state)
{
    const struct place *place = *state;
    char here[PATH_MAX];
    static const char *const locations[] = {"relative", "./relative/", "relative///",
                                            "state/../relative", "."};

    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(place->directory), 0);
    for (size_t i = 0; i < sizeof locations / sizeof locations[0]; i++)
        ops->close(open_store(locations[i]));
    assert_int_equal(chdir(here), 0);
    assert_int_equal(count_entries(place->directory), 2);
}

static void a_location_that_is_no_directory_is_refused(void **state)
{
    const struct place *place = *state;
    struct swtpm_storage *storage = NULL;
    char *long_location = malloc(PATH_MAX + 1);

    assert_non_null(long_location);
    memset(long_location, 'a', PATH_MAX);
    long_location[PATH_MAX] = '\0';
    assert_int_equal(try_open("", SWTPM_STORAGE_CREATE, &storage), SWTPM_PLUGIN_INVALID);
    assert_int_equal(try_open(long_location, SWTPM_STORAGE_CREATE, &storage),
                     SWTPM_PLUGIN_INVALID);
    long_location[300] = '\0';
    assert_int_equal(try_open(long_location, SWTPM_STORAGE_CREATE, &storage),
                     SWTPM_PLUGIN_INVALID);
    free(long_location);
    write_file(path_in(place->directory, "file"), "x");
    assert_int_equal(try_open(path_in(place->directory, "file"), SWTPM_STORAGE_CREATE, &storage),
                     SWTPM_PLUGIN_DENIED);
    assert_message("Not a directory");
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
    const struct place *place = *state;
    struct announcement announcement = {.answer = 0};
    struct swtpm_storage_parameters parameters = {.location = place->location,
                                                  .announce_path = note_path,
                                                  .context = &announcement};
    struct swtpm_storage *storage = NULL;

    assert_int_equal(ops->open(&storage, &parameters, &error), 0);
    ops->close(storage);
    assert_string_equal(announcement.path, place->location);
    assert_int_equal(announcement.access, SWTPM_PATH_READ | SWTPM_PATH_WRITE);

    announcement = (struct announcement){.answer = 0};
    parameters.flags = SWTPM_STORAGE_READ_ONLY;
    assert_int_equal(ops->open(&storage, &parameters, &error), 0);
    ops->close(storage);
    assert_int_equal(announcement.access, SWTPM_PATH_READ);

    announcement = (struct announcement){.answer = SWTPM_PLUGIN_NO_SPACE};
    storage = NULL;
    unsigned descriptors = count_descriptors();
    assert_int_equal(ops->open(&storage, &parameters, &error), SWTPM_PLUGIN_NO_SPACE);
    assert_null(storage);
    assert_int_equal(count_descriptors(), descriptors);
}

static void close_leaves_no_descriptor_behind(void **state)
{
    const struct place *place = *state;
    unsigned descriptors = count_descriptors();
    char location[PATH_MAX];

    for (unsigned i = 0; i < 3; i++) {
        snprintf(location, sizeof location, "%s/%u", place->directory, i);
        struct swtpm_storage *storage = open_store(location);
        assert_int_equal(ops->lock(storage, &error), 0);
        assert_int_equal(put(storage, "value", "x"), 0);
        assert_stored(storage, "value", "x");
        assert_int_equal(failing_get(storage, "missing"), SWTPM_PLUGIN_NOT_FOUND);
        ops->close(storage);
    }
    assert_int_equal(count_descriptors(), descriptors);
}

static void a_read_only_store_changes_nothing(void **state)
{
    struct place *place = *state;
    struct swtpm_storage *storage = NULL;

    assert_int_equal(put(place->storage, "value", "x"), 0);
    assert_int_equal(try_open(place->location, SWTPM_STORAGE_READ_ONLY, &storage), 0);
    assert_int_equal(put(storage, "value", "y"), SWTPM_PLUGIN_DENIED);
    assert_message("for reading only");
    assert_int_equal(ops->del(storage, "value", 0, &error), SWTPM_PLUGIN_DENIED);
    assert_int_equal(ops->lock(storage, &error), SWTPM_PLUGIN_DENIED);
    assert_stored(storage, "value", "x");
    ops->close(storage);
    assert_int_equal(count_entries(place->location), 1);
}

/* -------------------------------------------------------------------------------- links ------ */

static void a_link_in_place_of_the_directory_is_refused(void **state)
{
    const struct place *place = *state;
    const char *link_path = path_in(place->directory, "link");
    struct swtpm_storage *storage = NULL;

    assert_int_equal(symlink(place->location, link_path), 0);
    assert_int_equal(try_open(link_path, SWTPM_STORAGE_CREATE, &storage), SWTPM_PLUGIN_DENIED);
    assert_message("symbolic link");
    assert_int_equal(try_open(path_in(link_path, "/"), SWTPM_STORAGE_CREATE, &storage),
                     SWTPM_PLUGIN_DENIED);
    assert_int_equal(unlink(link_path), 0);
    assert_int_equal(symlink(path_in(place->directory, "nowhere"), link_path), 0);
    assert_int_not_equal(try_open(link_path, SWTPM_STORAGE_CREATE, &storage), 0);
    assert_false(exists(path_in(place->directory, "nowhere")));
    assert_null(storage);
}

static void links_above_the_directory_are_followed(void **state)
{
    const struct place *place = *state;
    const char *link_path = path_in(place->directory, "link");

    assert_int_equal(symlink(place->directory, link_path), 0);
    assert_int_equal(put(place->storage, "value", "x"), 0);
    struct swtpm_storage *storage = open_store(path_in(link_path, "state"));
    assert_stored(storage, "value", "x");
    ops->close(storage);
}

static void a_link_in_place_of_a_value_is_not_followed(void **state)
{
    const struct place *place = *state;
    const char *target = path_in(place->directory, "target");
    const char *value = path_in(place->location, "value");
    size_t size;

    write_file(target, "precious");
    assert_int_equal(symlink(target, value), 0);
    assert_int_equal(failing_get(place->storage, "value"), SWTPM_PLUGIN_DENIED);
    assert_message("symbolic link");
    assert_int_equal(ops->get(place->storage, "value", (struct swtpm_buffer){NULL, 0}, &size,
                              &error), SWTPM_PLUGIN_DENIED);
    assert_int_equal(put(place->storage, "value", "state"), 0);
    assert_contents(target, "precious");
    assert_stored(place->storage, "value", "state");

    assert_int_equal(unlink(value), 0);
    assert_int_equal(symlink(target, value), 0);
    assert_int_equal(ops->del(place->storage, "value", 0, &error), 0);
    assert_contents(target, "precious");
    assert_false(exists(value));
}

static void a_link_in_place_of_the_temporary_file_is_not_followed(void **state)
{
    const struct place *place = *state;
    const char *target = path_in(place->directory, "target");

    write_file(target, "precious");
    assert_int_equal(symlink(target, path_in(place->location, "TMP2-00.permall")), 0);
    assert_int_equal(put(place->storage, "tpm2-00.permall", "state"), 0);
    assert_contents(target, "precious");
    assert_stored(place->storage, "tpm2-00.permall", "state");
    assert_int_equal(count_entries(place->location), 1);
}

static void a_link_in_place_of_the_lock_file_is_refused(void **state)
{
    const struct place *place = *state;
    const char *target = path_in(place->directory, "target");
    const char *lock = path_in(place->location, ".lock");

    write_file(target, "precious");
    assert_int_equal(symlink(target, lock), 0);
    assert_int_equal(ops->lock(place->storage, &error), SWTPM_PLUGIN_DENIED);
    assert_message(lock);
    assert_contents(target, "precious");
    assert_int_equal(unlink(target), 0);
    assert_int_equal(ops->lock(place->storage, &error), SWTPM_PLUGIN_DENIED);
    assert_false(exists(target));
}

static void what_is_no_file_is_no_value(void **state)
{
    const struct place *place = *state;

    assert_int_equal(mkfifo(path_in(place->location, "fifo"), 0666), 0);
    assert_int_equal(mkdir(path_in(place->location, "directory"), 0755), 0);
    assert_int_equal(mkfifo(path_in(place->location, ".lock"), 0666), 0);
    alarm(10); /* a FIFO that is waited for would hang the test */
    assert_int_equal(failing_get(place->storage, "fifo"), SWTPM_PLUGIN_DENIED);
    assert_message("is not a regular file");
    assert_int_equal(failing_get(place->storage, "directory"), SWTPM_PLUGIN_DENIED);
    assert_int_equal(ops->lock(place->storage, &error), SWTPM_PLUGIN_DENIED);
    assert_message("is not a regular file");
    alarm(0);
    assert_int_equal(put(place->storage, "directory", "x"), SWTPM_PLUGIN_DENIED);
    assert_int_equal(count_entries(place->location), 3);
}

/* --------------------------------------------------------------------- temporary files ------ */

static void a_leftover_temporary_file_makes_room(void **state)
{
    const struct place *place = *state;
    static const char *const names[][2] = {{"tpm-00.permall", "TMP-00.permall"},
                                           {"tpm2-00.permall", "TMP2-00.permall"},
                                           {"tpm2-00.volatilestate", "TMP2-00.volatilestate"},
                                           {"tpm2-00.permall.bak", "TMP2-00.permall.bak"},
                                           {"other", "TMP-other"}};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        write_file(path_in(place->location, names[i][1]), "half a value that is longer");
        assert_int_equal(put(place->storage, names[i][0], "whole"), 0);
        assert_contents(path_in(place->location, names[i][0]), "whole");
        assert_false(exists(path_in(place->location, names[i][1])));
    }
}

static void a_directory_in_place_of_the_temporary_file_is_reported(void **state)
{
    const struct place *place = *state;
    const char *path = path_in(place->location, "TMP-value");

    assert_int_equal(put(place->storage, "value", "old"), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(put(place->storage, "value", "new"), SWTPM_PLUGIN_DENIED);
    assert_message(path);
    assert_stored(place->storage, "value", "old");
}

/* -------------------------------------------------------------------------------- list ------ */

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
    const struct place *place = *state;
    struct listing listing = {.answer = 0};

    assert_int_equal(ops->lock(place->storage, &error), 0);
    assert_int_equal(put(place->storage, "tpm2-00.permall", "12345"), 0);
    assert_int_equal(put(place->storage, "a", ""), 0);
    write_file(path_in(place->location, "TMP2-00.permall"), "x");
    write_file(path_in(place->location, ".hidden"), "x");
    write_file(path_in(place->location, "README"), "x");
    write_file(path_in(place->location, "a~"), "x");
    assert_int_equal(mkdir(path_in(place->location, "directory"), 0755), 0);
    assert_int_equal(symlink("a", path_in(place->location, "link")), 0);
    assert_int_equal(ops->list(place->storage, note_value, &listing, &error), 0);
    if (strcmp(listing.names, "tpm2-00.permall=5 a=0 ") != 0)
        assert_string_equal(listing.names, "a=0 tpm2-00.permall=5 ");

    listing = (struct listing){.answer = 42};
    assert_int_equal(ops->list(place->storage, note_value, &listing, &error), 42);
    assert_true(strcmp(listing.names, "a=0 ") == 0 ||
                strcmp(listing.names, "tpm2-00.permall=5 ") == 0);
}

/* -------------------------------------------------------------------------------- lock ------ */

static void two_handles_exclude_each_other(void **state)
{
    const struct place *place = *state;
    struct swtpm_storage *other = open_store(place->location);
    char holder[64];

    snprintf(holder, sizeof holder, "is locked by process %d;", getpid());
    assert_int_equal(ops->lock(place->storage, &error), 0);
    assert_int_equal(ops->lock(place->storage, &error), 0);
    assert_int_equal(ops->lock(other, &error), SWTPM_PLUGIN_BUSY);
    assert_message(holder);
    assert_message(path_in(place->location, ".lock"));
    assert_int_equal(ops->unlock(other, &error), 0);
    assert_int_equal(ops->lock(other, &error), SWTPM_PLUGIN_BUSY);
    assert_int_equal(ops->unlock(place->storage, &error), 0);
    assert_int_equal(ops->lock(other, &error), 0);
    assert_int_equal(ops->lock(place->storage, &error), SWTPM_PLUGIN_BUSY);
    ops->close(other);
    assert_int_equal(ops->lock(place->storage, &error), 0);
}

/* A child that does something and then waits to be killed. */
static pid_t start_holder(int (*take)(const struct place *place), const struct place *place)
{
    int ready[2];
    char byte;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(60);
        byte = take(place) == 0 ? 'y' : 'n';
        if (write(ready[1], &byte, 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    close(ready[0]);
    return child;
}

static void kill_holder(pid_t child)
{
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static int take_with_the_plugin(const struct place *place)
{
    struct swtpm_storage *storage = NULL;
    return try_open(place->location, 0, &storage) != 0 ? -1 : ops->lock(storage, &error);
}

static int take_with_posix(const struct place *place)
{
    const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path_in(place->location, ".lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0660);
    return fd < 0 ? -1 : fcntl(fd, F_SETLK, &lock);
}

static void a_lock_dies_with_its_process_and_names_it(int (*take)(const struct place *place),
                                                      const struct place *place)
{
    pid_t child = start_holder(take, place);
    char holder[64];

    snprintf(holder, sizeof holder, "is locked by process %d;", child);
    assert_int_equal(ops->lock(place->storage, &error), SWTPM_PLUGIN_BUSY);
    assert_message(holder);
    kill_holder(child);
    assert_int_equal(ops->lock(place->storage, &error), 0);
    assert_int_equal(ops->unlock(place->storage, &error), 0);
}

static void the_lock_of_another_process_is_respected_while_it_lives(void **state)
{
    a_lock_dies_with_its_process_and_names_it(take_with_the_plugin, *state);
}

static void a_posix_lock_is_respected_while_its_process_lives(void **state)
{
    a_lock_dies_with_its_process_and_names_it(take_with_posix, *state);
}

static void try_posix_lock(void *shared)
{
    const struct place *place = *(void **)shared;
    _exit(take_with_posix(place) == 0 ? 0 : errno);
}

static void our_lock_holds_against_posix_locks(void **state)
{
    struct place *place = *state;
    void **shared = child_shared(sizeof *shared);

    *shared = place;
    assert_int_equal(ops->lock(place->storage, &error), 0);
    int status = child_run(try_posix_lock, shared);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == EAGAIN || WEXITSTATUS(status) == EACCES);
    assert_int_equal(ops->unlock(place->storage, &error), 0);
    status = child_run(try_posix_lock, shared);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_lock_file_with_other_contents_is_fine(void **state)
{
    const struct place *place = *state;
    struct swtpm_storage *other = open_store(place->location);

    write_file(path_in(place->location, ".lock"), "123456789012345678901234567890 is not a pid");
    assert_int_equal(ops->lock(place->storage, &error), 0);
    write_file(path_in(place->location, ".lock"), "not a pid at all");
    assert_int_equal(ops->lock(other, &error), SWTPM_PLUGIN_BUSY);
    assert_message("is locked by another process;");
    write_file(path_in(place->location, ".lock"), "");
    assert_int_equal(ops->lock(other, &error), SWTPM_PLUGIN_BUSY);
    assert_message("is locked by another process;");
    ops->close(other);
}

/* ------------------------------------------------------------------------------- fencing ----- */

static void assert_fenced(const struct place *place)
{
    assert_int_equal(put(place->storage, "value", "new"), SWTPM_PLUGIN_FENCED);
    assert_message("was removed or replaced");
    assert_int_equal(ops->del(place->storage, "value", 0, &error), SWTPM_PLUGIN_FENCED);
    assert_int_equal(ops->lock(place->storage, &error), SWTPM_PLUGIN_FENCED);
}

static void a_lock_file_that_was_replaced_fences(void **state)
{
    const struct place *place = *state;
    struct swtpm_storage *other = open_store(place->location);

    assert_int_equal(ops->lock(place->storage, &error), 0);
    assert_int_equal(put(place->storage, "value", "old"), 0);
    assert_int_equal(unlink(path_in(place->location, ".lock")), 0);
    assert_int_equal(ops->lock(other, &error), 0);
    assert_fenced(place);
    assert_contents(path_in(place->location, "value"), "old");
    assert_int_equal(put(other, "value", "theirs"), 0);
    ops->close(other);
}

static void a_lock_file_that_was_removed_fences(void **state)
{
    const struct place *place = *state;

    assert_int_equal(ops->lock(place->storage, &error), 0);
    assert_int_equal(put(place->storage, "value", "old"), 0);
    assert_int_equal(unlink(path_in(place->location, ".lock")), 0);
    assert_fenced(place);
    assert_stored(place->storage, "value", "old");
}

static void a_directory_that_was_removed_fences(void **state)
{
    const struct place *place = *state;

    assert_int_equal(ops->lock(place->storage, &error), 0);
    assert_int_equal(unlink(path_in(place->location, ".lock")), 0);
    assert_int_equal(rmdir(place->location), 0);
    assert_fenced(place);
}

static void without_the_lock_a_removed_directory_is_an_error_of_the_medium(void **state)
{
    const struct place *place = *state;

    assert_int_equal(rmdir(place->location), 0);
    assert_int_equal(put(place->storage, "value", "x"), SWTPM_PLUGIN_IO);
    assert_message("No such file or directory");
}

/* -------------------------------------------------------------------------- permissions ----- */

/* In a child that gives up root's rights; exits with minus the code. */
struct attempt {
    const struct place *place;
    int (*try)(const struct place *place);
    char message[SWTPM_PLUGIN_ERROR_SIZE];
};

static void attempt_as_nobody(void *shared)
{
    struct attempt *attempt = shared;

    if (setgid(65534) != 0 || setuid(65534) != 0)
        _exit(99);
    int code = attempt->try(attempt->place);
    memcpy(attempt->message, error.message, sizeof attempt->message);
    _exit(-code);
}

static void assert_denied_to_nobody(const struct place *place,
                                    int (*try)(const struct place *place), const char *path)
{
    struct attempt *attempt = child_shared(sizeof *attempt);

    *attempt = (struct attempt){.place = place, .try = try};
    int status = child_run(attempt_as_nobody, attempt);
    assert_true(WIFEXITED(status));
    assert_int_equal(-WEXITSTATUS(status), SWTPM_PLUGIN_DENIED);
    if (strstr(attempt->message, path) == NULL ||
        strstr(attempt->message, "Permission denied") == NULL)
        fail_msg("wanted %s and the reason in: %s", path, attempt->message);
}

static int open_it(const struct place *place)
{
    struct swtpm_storage *storage = NULL;
    return try_open(place->location, SWTPM_STORAGE_CREATE, &storage);
}

static int make_another(const struct place *place)
{
    struct swtpm_storage *storage = NULL;
    return try_open(path_in(place->directory, "another"), SWTPM_STORAGE_CREATE, &storage);
}

static int get_it(const struct place *place)
{
    struct swtpm_storage *storage = NULL;
    return open_it(place) != 0 || try_open(place->location, 0, &storage) != 0
               ? 0
               : failing_get(storage, "value");
}

static int put_it(const struct place *place)
{
    struct swtpm_storage *storage = NULL;
    return try_open(place->location, 0, &storage) != 0 ? 0 : put(storage, "value", "new");
}

static int delete_it(const struct place *place)
{
    struct swtpm_storage *storage = NULL;
    return try_open(place->location, 0, &storage) != 0 ? 0
                                                       : ops->del(storage, "value", 0, &error);
}

static void missing_permissions_are_told(void **state)
{
    const struct place *place = *state;

    skip_unless_root(__func__);
    assert_int_equal(put(place->storage, "value", "old"), 0);
    assert_int_equal(ops->lock(place->storage, &error), 0);
    assert_int_equal(ops->unlock(place->storage, &error), 0);
    assert_int_equal(chmod(place->directory, 0755), 0);
    assert_denied_to_nobody(place, open_it, place->location);
    assert_denied_to_nobody(place, make_another, "another");

    assert_int_equal(chmod(place->location, 0755), 0);
    assert_denied_to_nobody(place, get_it, path_in(place->location, "value"));
    assert_denied_to_nobody(place, put_it, path_in(place->location, "TMP-value"));
    assert_denied_to_nobody(place, delete_it, path_in(place->location, "value"));
    assert_denied_to_nobody(place, take_with_the_plugin, path_in(place->location, ".lock"));
    assert_contents(path_in(place->location, "value"), "old");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_put_is_got_until_it_is_deleted),
        TEST(a_value_may_have_any_size_up_to_the_limit),
        TEST(an_empty_value_needs_no_data),
        TEST(a_buffer_that_is_too_small_stays_as_it_is),
        TEST(hostile_names_are_refused),
        TEST(a_file_that_is_too_large_is_corrupt),
        TEST(files_have_the_mode_asked_for_whatever_the_umask),
        TEST(a_new_mode_takes_effect_with_the_next_put),
        TEST(what_root_makes_belongs_to_the_directorys_owner),
        TEST(a_directory_is_made_only_if_that_is_asked_for),
        TEST(a_directory_is_made_only_beneath_an_existing_one),
        TEST(slashes_at_the_end_and_relative_paths_are_fine),
        TEST(a_location_that_is_no_directory_is_refused),
        TEST(open_announces_the_directory),
        TEST(close_leaves_no_descriptor_behind),
        TEST(a_read_only_store_changes_nothing),
        TEST(a_link_in_place_of_the_directory_is_refused),
        TEST(links_above_the_directory_are_followed),
        TEST(a_link_in_place_of_a_value_is_not_followed),
        TEST(a_link_in_place_of_the_temporary_file_is_not_followed),
        TEST(a_link_in_place_of_the_lock_file_is_refused),
        TEST(what_is_no_file_is_no_value),
        TEST(a_leftover_temporary_file_makes_room),
        TEST(a_directory_in_place_of_the_temporary_file_is_reported),
        TEST(a_list_shows_values_only),
        TEST(two_handles_exclude_each_other),
        TEST(the_lock_of_another_process_is_respected_while_it_lives),
        TEST(a_posix_lock_is_respected_while_its_process_lives),
        TEST(our_lock_holds_against_posix_locks),
        TEST(a_lock_file_with_other_contents_is_fine),
        TEST(a_lock_file_that_was_replaced_fences),
        TEST(a_lock_file_that_was_removed_fences),
        TEST(a_directory_that_was_removed_fences),
        TEST(without_the_lock_a_removed_directory_is_an_error_of_the_medium),
        TEST(missing_permissions_are_told),
    };
    return cmocka_run_group_tests(tests, load_plugin, remove_plugin);
}
