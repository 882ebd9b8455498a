/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin_files.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

char *plugin_directory_make(void)
{
    char *directory = strdup(geteuid() == 0 ? "/var/lib/swtpm-cuse-test-XXXXXX"
                                            : "/tmp/swtpm-cuse-test-XXXXXX");
    assert_non_null(directory);
    assert_non_null(mkdtemp(directory));
    return directory;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void plugin_directory_remove(char *directory)
{
    assert_int_equal(nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(directory);
}

const char *path_in(const char *directory, const char *name)
{
    static char *paths[8];
    static unsigned next;
    char **path = &paths[next++ % 8];

    free(*path);
    assert_true(asprintf(path, "%s/%s", directory, name) > 0);
    return *path;
}

/* Test programs stand in tests/unit of their variant, the plugins for them in tests/plugins, those
 * of the project in plugins. */
static int open_built(const char *file)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    assert_in_range(length, 1, sizeof program - 1);
    program[length] = '\0';
    *strrchr(program, '/') = '\0';

    int fd = open(path_in(path_in(program, "../plugins"), file), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fd = open(path_in(path_in(program, "../../plugins"), file), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("the plugin %s was not built", file);
    return fd;
}

struct file_bytes plugin_file_read(const char *file)
{
    struct stat status;
    int fd = open_built(file);
    assert_int_equal(fstat(fd, &status), 0);
    struct file_bytes bytes = {.size = (size_t)status.st_size};
    bytes.data = malloc(bytes.size);
    assert_non_null(bytes.data);
    assert_int_equal(read(fd, bytes.data, bytes.size), bytes.size);
    close(fd);
    return bytes;
}

void plugin_file_write(const char *directory, const char *file, struct file_bytes bytes)
{
    int fd = open(path_in(directory, file), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, 0755), 0);
    assert_int_equal(write(fd, bytes.data, bytes.size), bytes.size);
    close(fd);
}

void plugin_file_copy(const char *directory, const char *built, const char *file)
{
    struct file_bytes bytes = plugin_file_read(built);
    plugin_file_write(directory, file, bytes);
    free(bytes.data);
}
