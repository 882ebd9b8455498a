/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
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

#include "util/file.h"

static char directory[] = "/tmp/test_file.XXXXXX";
static char path[64];
static struct error error;

static int make_directory(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/file", mkdtemp(directory));
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

static int remove_file(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static mode_t mode_of(const char *name)
{
    struct stat status;
    assert_int_equal(stat(name, &status), 0);
    return status.st_mode & 07777;
}

static void write_file(const char *contents)
{
    int fd = file_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600, &error);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, contents, strlen(contents)), 0);
    assert_int_equal(close(fd), 0);
}

static void a_new_file_gets_its_mode_whatever_the_umask(void **state)
{
    (void)state;
    mode_t before = umask(0077);
    int fd = file_open(path, O_WRONLY | O_CREAT, 0664, &error);
    umask(before);

    assert_true(fd >= 0);
    assert_int_equal(mode_of(path), 0664);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    close(fd);
}

static void an_existing_file_keeps_its_mode(void **state)
{
    (void)state;
    write_file("x");
    int fd = file_open(path, O_WRONLY | O_CREAT, 0664, &error);

    assert_true(fd >= 0);
    assert_int_equal(mode_of(path), 0600);
    close(fd);
}

static void links_are_not_followed(void **state)
{
    (void)state;
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(file_open(path, O_RDONLY, 0, &error), -1);
    assert_int_equal(errno, ELOOP);
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, "symbolic link"));
    assert_int_equal(file_open(path, O_WRONLY | O_CREAT, 0600, &error), -1);
}

static void a_fifo_does_not_block(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = file_open(path, O_RDONLY, 0, &error);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(file_open(path, O_WRONLY, 0, &error), -1);
    assert_int_equal(errno, ENXIO);
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    assert_int_equal(file_open(path, O_RDONLY, 0, &error), -1);
    assert_int_equal(errno, ENOENT);
    assert_non_null(strstr(error.text, path));
}

static void a_parent_is_found_again_from_elsewhere(void **state)
{
    (void)state;
    const char *name;
    int here = open(".", O_PATH | O_CLOEXEC);
    assert_int_equal(chdir(directory), 0);
    int parent = file_open_parent("file", &name, &error);
    assert_true(parent >= 0);
    assert_string_equal(name, "file");
    assert_int_equal(chdir("/"), 0);
    int fd = file_open_at(parent, name, "file", O_WRONLY | O_CREAT, 0600, &error);
    assert_true(fd >= 0);
    assert_int_equal(fchdir(here), 0);
    close(fd);
    close(parent);
    close(here);
    assert_int_equal(access(path, F_OK), 0);
}

static void a_parent_is_split_off_at_the_last_slash(void **state)
{
    (void)state;
    const char *name;

    int parent = file_open_parent(path, &name, &error);
    assert_true(parent >= 0);
    assert_string_equal(name, "file");
    close(parent);
    parent = file_open_parent("/file", &name, &error);
    assert_true(parent >= 0);
    assert_string_equal(name, "file");
    close(parent);
    assert_int_equal(file_open_parent("/nonexistent/x/file", &name, &error), -1);
    assert_non_null(strstr(error.text, "/nonexistent/x/file"));
}

static void reading_stops_at_the_limit(void **state)
{
    (void)state;
    struct buffer contents = {0};
    write_file("0123456789");

    int fd = file_open(path, O_RDONLY, 0, &error);
    assert_int_equal(file_read_all(fd, path, 10, &contents, &error), 0);
    assert_int_equal(contents.size, 10);
    assert_memory_equal(contents.data, "0123456789", 10);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    buffer_clear(&contents);
    assert_int_equal(file_read_all(fd, path, 9, &contents, &error), -1);
    assert_non_null(strstr(error.text, path));
    assert_int_equal(contents.size, 0);
    for (size_t i = 0; i < contents.capacity && i < 10; i++)
        assert_int_equal(contents.data[i], 0);
    buffer_free(&contents);
    close(fd);
}

static void what_cannot_be_read_is_named(void **state)
{
    (void)state;
    struct buffer contents = {0};
    int fd = open(directory, O_RDONLY | O_CLOEXEC);

    assert_int_equal(file_read_all(fd, "the directory", 10, &contents, &error), -1);
    assert_non_null(strstr(error.text, "the directory"));
    buffer_free(&contents);
    close(fd);
}

static void a_full_medium_is_an_error(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    assert_int_equal(file_write_all(fd, "x", 1), -1);
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(file_write_all(fd, "", 0), 0);
    close(fd);
}

#define TEST(name) cmocka_unit_test_teardown(name, remove_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_file_gets_its_mode_whatever_the_umask),
        TEST(an_existing_file_keeps_its_mode),
        TEST(links_are_not_followed),
        TEST(a_fifo_does_not_block),
        TEST(a_missing_file_is_named),
        TEST(a_parent_is_found_again_from_elsewhere),
        TEST(a_parent_is_split_off_at_the_last_slash),
        TEST(reading_stops_at_the_limit),
        TEST(what_cannot_be_read_is_named),
        TEST(a_full_medium_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
