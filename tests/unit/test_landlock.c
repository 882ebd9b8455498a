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
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/landlock.h>

#include "child.h"
#include "sandbox/landlock.h"

/* Below `directory`: in/ and out/, each with a file `old` that holds "old" and a directory sub/. */
static char directory[] = "/tmp/test_landlock.XXXXXX";
static long abi;

static int run(const char *command)
{
    char line[256];
    snprintf(line, sizeof line, "cd %s && %s", directory, command);
    return system(line);
}

static int make_tree(void **state)
{
    (void)state;
    return run("mkdir -p in/sub out/sub && printf old > in/old && printf old > out/old");
}

static int remove_tree(void **state)
{
    (void)state;
    return run("rm -rf in out");
}

static int make_directory(void **state)
{
    (void)state;
    abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

static int is_available(long needed)
{
    if (abi >= needed)
        return 1;
    print_message("skipped: needs Landlock ABI %ld, this kernel has %ld\n", needed, abi);
    return 0;
}

/* What a child may do after the rules are in force: errno of each operation, 0 for success. */
struct report {
    const char *allowed; /* below directory; NULL: nothing */
    uint32_t access;
    int close_result;
    struct error error;
    int read_old, write_old, truncate_old, list;
    int make_new, append_new, make_directory;
    int rename_new, remove_old, remove_directory;
    int read_outside, make_outside, rename_outside, run_program;
    int write_opened_before;
};

static int errno_of(long result)
{
    return result < 0 ? errno : 0;
}

static int open_errno(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    int result = errno_of(fd);
    if (fd >= 0)
        close(fd);
    return result;
}

static void try_everything(struct report *report, int opened_before)
{
    report->write_opened_before = errno_of(write(opened_before, "x", 1));
    report->read_old = open_errno("in/old", O_RDONLY);
    report->write_old = open_errno("in/old", O_WRONLY);
    report->truncate_old = open_errno("in/old", O_WRONLY | O_TRUNC);
    report->list = open_errno("in", O_RDONLY | O_DIRECTORY);
    report->make_new = open_errno("in/new", O_WRONLY | O_CREAT | O_EXCL);
    report->append_new = open_errno("in/new", O_WRONLY | O_APPEND);
    report->make_directory = errno_of(mkdir("in/made", 0700));
    report->rename_new = errno_of(rename("in/new", "in/renamed"));
    report->rename_outside = errno_of(rename("in/old", "out/moved"));
    report->remove_old = errno_of(unlink("in/old"));
    report->remove_directory = errno_of(rmdir("in/sub"));
    report->read_outside = open_errno("out/old", O_RDONLY);
    report->make_outside = open_errno("out/new", O_WRONLY | O_CREAT | O_EXCL);
    report->run_program = errno_of(execl("/bin/true", "true", (char *)NULL));
}

static void restrict_and_try(void *shared)
{
    struct report *report = shared;
    struct landlock landlock;

    if (chdir(directory) != 0 || landlock_open(&landlock, &report->error) != 0)
        _exit(1);
    int opened_before = open("out/old", O_WRONLY | O_CLOEXEC);
    if (report->allowed != NULL &&
        landlock_allow(&landlock, report->allowed, report->access, &report->error) != 0)
        _exit(2);
    report->close_result = landlock_close(&landlock, &report->error);
    if (landlock.ruleset != -1)
        _exit(3);
    try_everything(report, opened_before);
}

static struct report *report_of(const char *allowed, uint32_t access)
{
    struct report *report = child_shared(sizeof *report);
    report->allowed = allowed;
    report->access = access;
    report->close_result = -2;
    assert_int_equal(child_run(restrict_and_try, report), 0);
    assert_int_equal(report->close_result, 0);
    return report;
}

static void assert_nothing_outside(const struct report *report)
{
    assert_int_equal(report->read_outside, EACCES);
    assert_int_equal(report->make_outside, EACCES);
    assert_int_not_equal(report->rename_outside, 0);
    assert_int_equal(report->run_program, EACCES);
    assert_int_equal(report->write_opened_before, 0);
}

static void without_a_path_nothing_can_be_opened(void **state)
{
    (void)state;
    if (!is_available(1))
        skip();
    struct report *report = report_of(NULL, 0);

    assert_int_equal(report->read_old, EACCES);
    assert_int_equal(report->make_new, EACCES);
    assert_int_equal(report->remove_old, EACCES);
    assert_nothing_outside(report);
}

static void read_lets_read_and_list_only(void **state)
{
    (void)state;
    if (!is_available(1))
        skip();
    struct report *report = report_of("in", LANDLOCK_READ);

    assert_int_equal(report->read_old, 0);
    assert_int_equal(report->list, 0);
    assert_int_equal(report->write_old, EACCES);
    assert_int_equal(report->make_new, EACCES);
    assert_int_equal(report->remove_old, EACCES);
    assert_int_equal(report->make_directory, EACCES);
    assert_nothing_outside(report);
}

static void write_lets_make_rename_and_remove(void **state)
{
    (void)state;
    if (!is_available(1))
        skip();
    struct report *report = report_of("in", LANDLOCK_WRITE);

    assert_int_equal(report->write_old, 0);
    assert_int_equal(report->truncate_old, 0);
    assert_int_equal(report->make_new, 0);
    assert_int_equal(report->append_new, 0);
    assert_int_equal(report->make_directory, 0);
    assert_int_equal(report->rename_new, 0);
    assert_int_equal(report->remove_old, 0);
    assert_int_equal(report->remove_directory, 0);
    assert_int_equal(report->read_old, EACCES);
    assert_int_equal(report->list, EACCES);
    assert_nothing_outside(report);
}

static void append_lets_make_and_write(void **state)
{
    (void)state;
    if (!is_available(1))
        skip();
    struct report *report = report_of("in", LANDLOCK_APPEND);

    assert_int_equal(report->make_new, 0);
    assert_int_equal(report->append_new, 0);
    assert_int_equal(report->read_old, EACCES);
    assert_int_equal(report->rename_new, EACCES);
    assert_int_equal(report->remove_old, EACCES);
    assert_nothing_outside(report);
}

static void append_does_not_let_truncate(void **state)
{
    (void)state;
    if (!is_available(3))
        skip();
    assert_int_equal(report_of("in", LANDLOCK_APPEND)->truncate_old, EACCES);
}

static void remove_lets_remove_files(void **state)
{
    (void)state;
    if (!is_available(1))
        skip();
    struct report *report = report_of("in", LANDLOCK_REMOVE);

    assert_int_equal(report->remove_old, 0);
    assert_int_equal(report->remove_directory, EACCES);
    assert_int_equal(report->read_old, EACCES);
    assert_int_equal(report->make_new, EACCES);
    assert_nothing_outside(report);
}

static void a_file_alone_can_be_allowed(void **state)
{
    (void)state;
    if (!is_available(1))
        skip();
    struct report *report = report_of("in/old", LANDLOCK_READ | LANDLOCK_WRITE);

    assert_int_equal(report->read_old, 0);
    assert_int_equal(report->write_old, 0);
    assert_int_equal(report->truncate_old, 0);
    assert_int_equal(report->make_new, EACCES);
    assert_int_equal(report->remove_old, EACCES);
    assert_nothing_outside(report);
}

static void a_path_that_is_not_there_is_named(void **state)
{
    (void)state;
    if (!is_available(1))
        skip();
    struct landlock landlock;
    struct error error;

    assert_int_equal(landlock_open(&landlock, &error), 0);
    assert_int_equal(landlock_allow(&landlock, "/nonexistent/path", LANDLOCK_READ, &error), -1);
    assert_non_null(strstr(error.text, "/nonexistent/path"));
    landlock_discard(&landlock);
    assert_int_equal(landlock.ruleset, -1);
}

/* As on a kernel without Landlock: every call of it answers ENOSYS. */
static void a_kernel_without_it_restricts_nothing(void **state)
{
    (void)state;
    struct landlock landlock = {.ruleset = -1};
    struct error error;

    assert_int_equal(landlock_allow(&landlock, "/nonexistent/path", LANDLOCK_READ, &error), 0);
    assert_int_equal(landlock_close(&landlock, &error), 0);
    assert_int_equal(open_errno("/dev/null", O_RDONLY), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_tree, remove_tree)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_path_nothing_can_be_opened),  TEST(read_lets_read_and_list_only),
        TEST(write_lets_make_rename_and_remove),     TEST(append_lets_make_and_write),
        TEST(append_does_not_let_truncate),          TEST(remove_lets_remove_files),
        TEST(a_file_alone_can_be_allowed),           TEST(a_path_that_is_not_there_is_named),
        TEST(a_kernel_without_it_restricts_nothing),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
