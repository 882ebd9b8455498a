/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
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

#include "util/log.h"

static char directory[] = "/tmp/test_log.XXXXXX";
static char path[64];
static char rotated[80];
static struct error error;

static int make_directory(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/log", mkdtemp(directory));
    snprintf(rotated, sizeof rotated, "%s.1", path);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

static int remove_files(void **state)
{
    (void)state;
    unlink(path);
    unlink(rotated);
    return log_open(&(struct log_parameters){.path = "-"}, &error);
}

static void open_log(struct log_parameters parameters)
{
    parameters.path = path;
    assert_int_equal(log_open(&parameters, &error), 0);
}

static const char *contents_of(const char *name)
{
    static char contents[8192];
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t size = read(fd, contents, sizeof contents - 1);
    close(fd);
    assert_true(size >= 0);
    contents[size] = '\0';
    return contents;
}

static void a_line_has_the_prefix_and_its_text(void **state)
{
    (void)state;
    struct stat status;
    mode_t before = umask(0);

    open_log((struct log_parameters){.prefix = "vtpm0: "});
    umask(before);
    log_error("value %d of '%s'", 42, "it");
    assert_string_equal(contents_of(path), "vtpm0: value 42 of 'it'\n");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
}

static void a_timestamp_stands_before_it_all(void **state)
{
    (void)state;
    regex_t line;

    open_log((struct log_parameters){.prefix = "p ", .timestamps = true});
    log_error("text");
    assert_int_equal(regcomp(&line,
                             "^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
                             "\\.[0-9]{6}Z p text\n$",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    assert_int_equal(regexec(&line, contents_of(path), 0, NULL, 0), 0);
    regfree(&line);
}

static void messages_above_the_level_are_dropped(void **state)
{
    (void)state;
    open_log((struct log_parameters){.level = LOG_LEVEL_INFO});
    log_write(LOG_LEVEL_CONTROL, "dropped");
    log_info("kept");
    assert_string_equal(contents_of(path), "kept\n");
    assert_int_equal(log_level(), LOG_LEVEL_INFO);
}

static void a_file_without_a_level_means_level_1(void **state)
{
    (void)state;
    open_log((struct log_parameters){.level = 0});
    assert_int_equal(log_level(), LOG_LEVEL_ERROR);
}

static void an_existing_log_is_continued_or_truncated(void **state)
{
    (void)state;
    open_log((struct log_parameters){0});
    log_error("one");
    open_log((struct log_parameters){0});
    log_error("two");
    assert_string_equal(contents_of(path), "one\ntwo\n");
    open_log((struct log_parameters){.truncate = true});
    log_error("three");
    assert_string_equal(contents_of(path), "three\n");
}

static void long_messages_stay_one_line(void **state)
{
    (void)state;
    char message[3000];
    memset(message, 'm', sizeof message);
    message[sizeof message - 1] = '\0';

    open_log((struct log_parameters){0});
    log_error("%s", message);
    const char *contents = contents_of(path);
    size_t size = strlen(contents);
    assert_true(size > 1000 && size < sizeof message);
    assert_ptr_equal(strchr(contents, '\n'), contents + size - 1);
}

static void reopening_follows_a_rotation(void **state)
{
    (void)state;
    open_log((struct log_parameters){0});
    int fd = log_fd();
    log_error("old");
    assert_int_equal(rename(path, rotated), 0);
    log_error("still old");
    assert_int_equal(log_reopen(&error), 0);
    log_error("new");
    assert_string_equal(contents_of(path), "new\n");
    assert_string_equal(contents_of(rotated), "old\nstill old\n");
    assert_int_equal(log_fd(), fd);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

static void reopening_finds_the_directory_from_elsewhere(void **state)
{
    (void)state;
    int here = open(".", O_PATH | O_CLOEXEC);
    assert_int_equal(chdir(directory), 0);
    assert_int_equal(log_open(&(struct log_parameters){.path = "log"}, &error), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rename(path, rotated), 0);
    int result = log_reopen(&error);
    assert_int_equal(fchdir(here), 0);
    close(here);
    assert_int_equal(result, 0);
    log_error("new");
    assert_string_equal(contents_of(path), "new\n");
}

static void a_log_that_cannot_be_reopened_goes_on(void **state)
{
    (void)state;
    open_log((struct log_parameters){0});
    assert_int_equal(rename(path, rotated), 0);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(log_reopen(&error), -1);
    assert_non_null(strstr(error.text, "--log"));
    assert_non_null(strstr(error.text, path));
    log_error("here");
    assert_string_equal(contents_of(rotated), "here\n");
}

static void what_is_not_rotated_is_not_reopened(void **state)
{
    (void)state;
    assert_int_equal(log_open(&(struct log_parameters){.path = "/dev/null"}, &error), 0);
    assert_int_equal(log_directory(), -1);
    assert_int_equal(log_reopen(&error), 0);
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_int_equal(log_open(&(struct log_parameters){.fd = fd}, &error), 0);
    assert_int_equal(log_fd(), fd);
    assert_int_equal(log_reopen(&error), 0);
    open_log((struct log_parameters){0});
    assert_true(log_directory() >= 0);
}

static void a_dash_is_no_log(void **state)
{
    (void)state;
    assert_int_equal(log_open(&(struct log_parameters){.path = "-", .level = 9}, &error), 0);
    assert_int_equal(log_level(), LOG_LEVEL_NONE);
    assert_int_equal(log_fd(), -1);
    log_error("nowhere");
    assert_int_equal(log_reopen(&error), 0);
}

static void assert_refused(struct log_parameters parameters, const char *why)
{
    assert_int_equal(log_open(&parameters, &error), -1);
    assert_non_null(strstr(error.text, "option --log:"));
    assert_non_null(strstr(error.text, why));
}

static void unfit_destinations_leave_the_log_as_it_was(void **state)
{
    (void)state;
    open_log((struct log_parameters){0});
    assert_int_equal(symlink(path, rotated), 0);
    int read_only = open(path, O_RDONLY | O_CLOEXEC);

    assert_refused((struct log_parameters){.path = rotated}, "symbolic link");
    assert_refused((struct log_parameters){.path = "/nonexistent/log"}, "/nonexistent/log");
    assert_refused((struct log_parameters){.path = directory}, directory);
    assert_refused((struct log_parameters){.fd = read_only}, "not open for writing");
    close(read_only);
    log_error("still here");
    assert_string_equal(contents_of(path), "still here\n");
}

static void writing_keeps_errno(void **state)
{
    (void)state;
    assert_int_equal(log_open(&(struct log_parameters){.path = "/dev/full"}, &error), 0);
    errno = EXDEV;
    log_error("lost");
    assert_int_equal(errno, EXDEV);
}

#define TEST(name) cmocka_unit_test_teardown(name, remove_files)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_the_prefix_and_its_text),
        TEST(a_timestamp_stands_before_it_all),
        TEST(messages_above_the_level_are_dropped),
        TEST(a_file_without_a_level_means_level_1),
        TEST(an_existing_log_is_continued_or_truncated),
        TEST(long_messages_stay_one_line),
        TEST(reopening_follows_a_rotation),
        TEST(reopening_finds_the_directory_from_elsewhere),
        TEST(a_log_that_cannot_be_reopened_goes_on),
        TEST(what_is_not_rotated_is_not_reopened),
        TEST(a_dash_is_no_log),
        TEST(unfit_destinations_leave_the_log_as_it_was),
        TEST(writing_keeps_errno),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
