/* SPDX-License-Identifier: BSD-3-Clause */
#include "store_place.h"

#include <dirent.h>
#include <fcntl.h>
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

#include "plugin/search.h"
#include "plugin_files.h"

const struct swtpm_storage_ops *store_ops;
static char *plugin_directory;

struct swtpm_plugin_error store_error;

static int load_plugin(const char *name, const char *file)
{
    struct error load_error;

    plugin_directory = plugin_directory_make();
    plugin_file_copy(plugin_directory, file, file);
    const struct plugin_search search = {.directory = plugin_directory};
    const struct swtpm_plugin *plugin =
        plugin_load(&search, SWTPM_PLUGIN_STORAGE, name, &load_error);
    if (plugin == NULL)
        fail_msg("%s", load_error.text);
    store_ops = plugin->ops.storage;
    return 0;
}

int store_load_plugin(void **state)
{
    (void)state;
    return load_plugin("dir", "storage-dir.so");
}

int store_load_file_plugin(void **state)
{
    (void)state;
    return load_plugin("file", "storage-file.so");
}

int store_remove_plugin(void **state)
{
    (void)state;
    plugin_directory_remove(plugin_directory);
    return 0;
}

int store_welcome_path(void *context, const char *path, uint32_t access)
{
    (void)context;
    (void)path;
    (void)access;
    return 0;
}

int store_try_open(const char *location, uint32_t flags, struct swtpm_storage **storage)
{
    const struct swtpm_storage_parameters parameters = {
        .location = location, .mode = 0640, .flags = flags, .announce_path = store_welcome_path};

    store_error.message[0] = '\0';
    return store_ops->open(storage, &parameters, &store_error);
}

struct swtpm_storage *store_open(const char *location)
{
    struct swtpm_storage *storage = NULL;
    if (store_try_open(location, SWTPM_STORAGE_CREATE, &storage) != 0)
        fail_msg("%s", store_error.message);
    return storage;
}

int store_make_place(void **state)
{
    struct store_place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    place->directory = plugin_directory_make();
    assert_true(asprintf(&place->location, "%s/state", place->directory) > 0);
    place->storage = store_open(place->location);
    *state = place;
    return 0;
}

int store_remove_place(void **state)
{
    struct store_place *place = *state;
    if (place->storage != NULL)
        store_ops->close(place->storage);
    plugin_directory_remove(place->directory);
    free(place->location);
    free(place);
    return 0;
}

int store_put(struct swtpm_storage *storage, const char *name, const char *value)
{
    const struct swtpm_bytes bytes = {.data = value, .size = strlen(value)};
    return store_ops->put(storage, name, bytes, 0, &store_error);
}

void assert_stored(struct swtpm_storage *storage, const char *name, const char *expected)
{
    char data[256] = "";
    size_t size = SIZE_MAX;

    if (store_ops->get(storage, name, (struct swtpm_buffer){data, sizeof data}, &size,
                       &store_error) != 0)
        fail_msg("%s", store_error.message);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(data, expected, size);
}

int store_failing_get(struct swtpm_storage *storage, const char *name)
{
    unsigned char data[64], untouched[64];
    size_t size = 4711;

    memset(data, 0x5a, sizeof data);
    memset(untouched, 0x5a, sizeof untouched);
    int code = store_ops->get(storage, name, (struct swtpm_buffer){data, sizeof data}, &size,
                              &store_error);
    assert_int_equal(size, 4711);
    assert_memory_equal(data, untouched, sizeof data);
    return code;
}

void assert_store_error(const char *wanted)
{
    if (strstr(store_error.message, wanted) == NULL)
        fail_msg("wanted \"%s\" in: %s", wanted, store_error.message);
}

void write_file(const char *path, const char *contents)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, contents, strlen(contents)), strlen(contents));
    close(fd);
}

void assert_contents(const char *path, const char *expected)
{
    char contents[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t size = read(fd, contents, sizeof contents);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(contents, expected, (size_t)size);
    close(fd);
}

mode_t mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    return status.st_mode & 07777;
}

int exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

unsigned count_entries(const char *path)
{
    DIR *stream = opendir(path);
    unsigned count = 0;

    assert_non_null(stream);
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(stream);
    return count;
}

unsigned count_descriptors(void)
{
    return count_entries("/proc/self/fd");
}

void skip_unless_root(const char *test)
{
    if (geteuid() == 0)
        return;
    print_message("skipped: %s: only root can become somebody else\n", test);
    skip();
}
