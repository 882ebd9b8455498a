/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
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
#include "daemon/pid_file.h"

static char directory[] = "/tmp/test_pid_file.XXXXXX";
static char path[64];

static int make_directory(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/pid", directory);
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    chmod(directory, 0700);
    unlink(path);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

static void make_file(const char *contents)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(contents, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_contents(const char *expected)
{
    char contents[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t size = read(fd, contents, sizeof contents - 1);
    close(fd);
    assert_true(size >= 0);
    contents[size] = '\0';
    assert_string_equal(contents, expected);
}

static void assert_holds_this_pid(void)
{
    char expected[32];
    snprintf(expected, sizeof expected, "%ld\n", (long)getpid());
    assert_contents(expected);
}

static void the_file_is_empty_then_written_then_gone(void **state)
{
    (void)state;
    struct pid_file file;
    struct error error;
    struct stat status;
    mode_t umask_before = umask(0077);

    assert_int_equal(pid_file_open(&file, path, -1, &error), 0);
    umask(umask_before);
    assert_contents("");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0644);
    assert_int_equal(pid_file_write(&file, &error), 0);
    assert_holds_this_pid();
    pid_file_remove(&file);
    assert_int_equal(access(path, F_OK), -1);
    pid_file_close(&file);
}

static void a_stale_file_is_replaced_by_a_new_one(void **state)
{
    (void)state;
    struct pid_file file;
    struct error error;

    make_file("1234567890\n1234567890\n");
    int stale = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pid_file_open(&file, path, -1, &error), 0);
    assert_int_equal(pid_file_write(&file, &error), 0);
    assert_holds_this_pid();

    char first;
    assert_int_equal(pread(stale, &first, 1, 0), 1);
    assert_int_equal(first, '1');
    close(stale);
    pid_file_close(&file);
}

static void a_running_daemons_file_is_left_alone(void **state)
{
    (void)state;
    struct pid_file running;
    struct pid_file second;
    struct error error;
    char pid[32];

    assert_int_equal(pid_file_open(&running, path, -1, &error), 0);
    assert_int_equal(pid_file_write(&running, &error), 0);
    assert_int_equal(pid_file_open(&second, path, -1, &error), -1);
    snprintf(pid, sizeof pid, "process %ld;", (long)getpid());
    assert_non_null(strstr(error.text, pid));
    assert_non_null(strstr(error.text, path));
    assert_holds_this_pid();
    pid_file_close(&running);

    assert_int_equal(pid_file_open(&second, path, -1, &error), 0);
    pid_file_close(&second);
}

static void somebody_elses_file_is_not_removed(void **state)
{
    (void)state;
    struct pid_file file;
    struct error error;

    assert_int_equal(pid_file_open(&file, path, -1, &error), 0);
    assert_int_equal(unlink(path), 0);
    make_file("4711\n");
    pid_file_remove(&file);
    assert_contents("4711\n");
    pid_file_close(&file);
}

static void links_are_not_followed(void **state)
{
    (void)state;
    char target[96];
    struct pid_file file;
    struct error error;

    snprintf(target, sizeof target, "%s/target", directory);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(pid_file_open(&file, path, -1, &error), -1);
    assert_non_null(strstr(error.text, "not a regular file"));
    assert_int_equal(access(target, F_OK), -1);
    assert_int_equal(file.fd, -1);
}

static void what_is_not_a_file_is_not_replaced(void **state)
{
    (void)state;
    struct pid_file file;
    struct error error;

    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(pid_file_open(&file, path, -1, &error), -1);
    assert_non_null(strstr(error.text, path));
    assert_int_equal(access(path, F_OK), 0);
}

static void a_file_that_holds_no_pid_is_left_alone(void **state)
{
    (void)state;
    const char *const contents[] = {"key = 1\n", "12345678901234567890123456789012\n", "1\n-\n"};
    struct pid_file file;
    struct error error;

    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        make_file(contents[i]);
        assert_int_equal(pid_file_open(&file, path, -1, &error), -1);
        assert_non_null(strstr(error.text, path));
        assert_contents(contents[i]);
    }
}

static void a_missing_directory_is_named(void **state)
{
    (void)state;
    struct pid_file file;
    struct error error;

    assert_int_equal(pid_file_open(&file, "/nonexistent/directory/pid", -1, &error), -1);
    assert_non_null(strstr(error.text, "--pid"));
    assert_non_null(strstr(error.text, "/nonexistent/directory/pid"));
    assert_int_equal(pid_file_open(&file, directory, -1, &error), -1);
    assert_int_equal(pid_file_open(&file, "", -1, &error), -1);
}

static void a_descriptor_is_written_from_the_start(void **state)
{
    (void)state;
    struct pid_file file;
    struct error error;

    make_file("something longer than a pid\n");
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(lseek(fd, 5, SEEK_SET), 5);
    assert_int_equal(pid_file_open(&file, NULL, fd, &error), 0);
    assert_int_equal(pid_file_write(&file, &error), 0);
    assert_holds_this_pid();
    pid_file_remove(&file);
    assert_holds_this_pid();
    pid_file_close(&file);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void assert_descriptor_refused(int fd, const char *why)
{
    struct pid_file file;
    struct error error;

    assert_int_equal(pid_file_open(&file, NULL, fd, &error), -1);
    assert_non_null(strstr(error.text, why));
    assert_int_equal(file.fd, -1);
}

static void unfit_descriptors_are_refused_and_stay_open(void **state)
{
    (void)state;
    int ends[2];

    make_file("");
    int read_only = open(path, O_RDONLY | O_CLOEXEC);
    assert_descriptor_refused(read_only, "not open for writing");
    assert_int_equal(close(read_only), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_descriptor_refused(ends[1], "not a regular file");
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(ends[1]), 0);
    assert_descriptor_refused(ends[1], "not open for writing");
}

static void without_path_and_descriptor_nothing_happens(void **state)
{
    (void)state;
    struct pid_file file;
    struct error error;

    assert_int_equal(pid_file_open(&file, NULL, -1, &error), 0);
    assert_int_equal(pid_file_write(&file, &error), 0);
    pid_file_remove(&file);
    pid_file_close(&file);
}

static void write_and_remove_elsewhere(void *shared)
{
    struct pid_file *file = shared;
    struct error error;

    if (chroot("/var") != 0 || chdir("/") != 0 || pid_file_write(file, &error) != 0)
        _exit(1);
    pid_file_remove(file);
}

static void a_change_of_root_does_not_matter(void **state)
{
    (void)state;
    struct pid_file file;
    struct error error;

    if (geteuid() != 0) {
        print_message("skipped: must be root to call chroot\n");
        skip();
    }
    assert_int_equal(pid_file_open(&file, path, -1, &error), 0);
    assert_int_equal(child_run(write_and_remove_elsewhere, &file), 0);
    assert_int_equal(access(path, F_OK), -1);
    pid_file_close(&file);
}

static void remove_as_nobody(void *shared)
{
    struct pid_file *file = shared;
    struct error error;

    if (setresuid(65534, 65534, 65534) != 0 || pid_file_write(file, &error) != 0)
        _exit(1);
    pid_file_remove(file);
}

static void assert_emptied_in_directory_of(mode_t mode)
{
    struct pid_file file;
    struct error error;

    assert_int_equal(chmod(directory, mode), 0);
    assert_int_equal(pid_file_open(&file, path, -1, &error), 0);
    assert_int_equal(child_run(remove_as_nobody, &file), 0);
    assert_contents("");
    pid_file_close(&file);
}

static void a_file_that_may_not_be_removed_is_emptied(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: must be root to become another user\n");
        skip();
    }
    assert_emptied_in_directory_of(0755);
    assert_emptied_in_directory_of(0700);
}

#define TEST(name) cmocka_unit_test_teardown(name, remove_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_file_is_empty_then_written_then_gone),
        TEST(a_stale_file_is_replaced_by_a_new_one),
        TEST(a_running_daemons_file_is_left_alone),
        TEST(somebody_elses_file_is_not_removed),
        TEST(links_are_not_followed),
        TEST(what_is_not_a_file_is_not_replaced),
        TEST(a_file_that_holds_no_pid_is_left_alone),
        TEST(a_missing_directory_is_named),
        TEST(a_descriptor_is_written_from_the_start),
        TEST(unfit_descriptors_are_refused_and_stay_open),
        TEST(without_path_and_descriptor_nothing_happens),
        TEST(a_change_of_root_does_not_matter),
        TEST(a_file_that_may_not_be_removed_is_emptied),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
