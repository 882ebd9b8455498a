/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <grp.h>
#include <unistd.h>

#include <cmocka.h>

#include "child.h"
#include "sandbox/privileges.h"

/* A user that every Debian has, in no group but its own. */
static const char user_name[] = "daemon";
static const uid_t unknown_uid = 3000000123;

/* What a child saw after dropping. */
struct report {
    const char *run_as;
    const char *root;
    int resolve_result;
    int drop_result;
    struct error error;
    char uid[64];
    char gid[64];
    char groups[256];
    char effective[64];
    char permitted[64];
    char inheritable[64];
    char ambient[64];
    char bounding[64];
    char no_new_privs[8];
    int dumpable;
    struct rlimit core;
    int root_again_errno;
    int foreign_file_errno;
    ino_t root_inode;
    char directory[256];
};

static int only_as_root(void)
{
    if (geteuid() == 0)
        return 1;
    print_message("skipped: must be root to drop privileges\n");
    return 0;
}

static void look_around(struct report *report, int status_fd)
{
    struct stat status = {0};

    child_status(status_fd, "Uid", report->uid, sizeof report->uid);
    child_status(status_fd, "Gid", report->gid, sizeof report->gid);
    child_status(status_fd, "Groups", report->groups, sizeof report->groups);
    child_status(status_fd, "CapEff", report->effective, sizeof report->effective);
    child_status(status_fd, "CapPrm", report->permitted, sizeof report->permitted);
    child_status(status_fd, "CapInh", report->inheritable, sizeof report->inheritable);
    child_status(status_fd, "CapAmb", report->ambient, sizeof report->ambient);
    child_status(status_fd, "CapBnd", report->bounding, sizeof report->bounding);
    child_status(status_fd, "NoNewPrivs", report->no_new_privs, sizeof report->no_new_privs);
    report->dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
    getrlimit(RLIMIT_CORE, &report->core);
    stat("/", &status);
    report->root_inode = status.st_ino;
    if (getcwd(report->directory, sizeof report->directory) == NULL)
        report->directory[0] = '\0';
}

/* What root may bring along from its login. */
static void join_groups(void)
{
    const gid_t groups[] = {0, 4, 27};

    if (geteuid() == 0 && setgroups(3, groups) != 0)
        _exit(1);
}

static void drop_and_look(void *shared)
{
    struct report *report = shared;
    struct privileges privileges = {0};
    int status_fd = child_status_open();

    join_groups();
    report->resolve_result = privileges_resolve(&privileges, report->run_as, &report->error);
    if (report->resolve_result != 0)
        return;
    report->drop_result = privileges_drop(&privileges, report->root, &report->error);
    privileges_free(&privileges);
    look_around(report, status_fd);
    report->root_again_errno = setuid(0) == 0 ? 0 : errno;
    report->foreign_file_errno = access("/etc/shadow", R_OK) == 0 ? 0 : errno;
}

static struct report *report_of(const char *run_as, const char *root)
{
    struct report *report = child_shared(sizeof *report);
    report->run_as = run_as;
    report->root = root;
    assert_int_equal(child_run(drop_and_look, report), 0);
    return report;
}

static void assert_nothing_left(const struct report *report)
{
    assert_string_equal(report->effective, "0000000000000000");
    assert_string_equal(report->permitted, "0000000000000000");
    assert_string_equal(report->inheritable, "0000000000000000");
    assert_string_equal(report->ambient, "0000000000000000");
    assert_string_equal(report->bounding, "0000000000000000");
    assert_string_equal(report->no_new_privs, "1");
    assert_int_equal(report->dumpable, 0);
    assert_int_equal(report->core.rlim_cur, 0);
    assert_int_equal(report->core.rlim_max, 0);
}

static void assert_ids(const struct report *report, uid_t uid, gid_t gid)
{
    char expected[64];

    snprintf(expected, sizeof expected, "%u\t%u\t%u\t%u", uid, uid, uid, uid);
    assert_string_equal(report->uid, expected);
    snprintf(expected, sizeof expected, "%u\t%u\t%u\t%u", gid, gid, gid, gid);
    assert_string_equal(report->gid, expected);
}

static void assert_groups(const struct report *report, gid_t only)
{
    char expected[16];

    snprintf(expected, sizeof expected, "%u", only);
    assert_string_equal(report->groups, expected);
}

static void a_user_by_name_keeps_nothing_of_root(void **state)
{
    (void)state;
    if (!only_as_root())
        skip();
    const struct passwd *user = getpwnam(user_name);
    assert_non_null(user);

    struct report *report = report_of(user_name, NULL);
    assert_int_equal(report->resolve_result, 0);
    assert_int_equal(report->drop_result, 0);
    assert_ids(report, user->pw_uid, user->pw_gid);
    assert_groups(report, user->pw_gid);
    assert_nothing_left(report);
    assert_int_equal(report->root_again_errno, EPERM);
    assert_int_equal(report->foreign_file_errno, EACCES);
}

static void a_uid_of_the_database_gets_its_group(void **state)
{
    (void)state;
    if (!only_as_root())
        skip();
    const struct passwd *user = getpwnam(user_name);
    assert_non_null(user);
    uid_t uid = user->pw_uid;
    gid_t gid = user->pw_gid;
    char text[16];
    snprintf(text, sizeof text, "%u", uid);

    struct report *report = report_of(text, NULL);
    assert_int_equal(report->drop_result, 0);
    assert_ids(report, uid, gid);
    assert_groups(report, gid);
    assert_nothing_left(report);
}

static void a_uid_outside_of_the_database_has_no_supplementary_groups(void **state)
{
    (void)state;
    if (!only_as_root())
        skip();
    char text[16];
    snprintf(text, sizeof text, "%u", unknown_uid);

    struct report *report = report_of(text, NULL);
    assert_int_equal(report->drop_result, 0);
    assert_ids(report, unknown_uid, unknown_uid);
    assert_string_equal(report->groups, "");
    assert_nothing_left(report);
}

static void supplementary_groups_come_from_the_database(void **state)
{
    (void)state;
    if (!only_as_root())
        skip();
    struct privileges privileges;
    struct error error;
    gid_t expected[64];
    int count = 64;

    assert_int_equal(privileges_resolve(&privileges, "root", &error), 0);
    assert_true(getgrouplist("root", 0, expected, &count) >= 0);
    assert_false(privileges.keep_groups);
    assert_int_equal(privileges.group_count, count);
    assert_memory_equal(privileges.groups, expected, (size_t)count * sizeof expected[0]);
    privileges_free(&privileges);
    assert_null(privileges.groups);
}

static void root_stays_root_without_its_powers(void **state)
{
    (void)state;
    if (!only_as_root())
        skip();
    struct report *report = report_of(NULL, NULL);

    assert_int_equal(report->drop_result, 0);
    assert_ids(report, 0, 0);
    assert_string_equal(report->groups, "0 4 27");
    assert_nothing_left(report);
}

static void chroot_leaves_nothing_outside_within_reach(void **state)
{
    (void)state;
    if (!only_as_root())
        skip();
    char directory[] = "/tmp/test_privileges.XXXXXX";
    struct stat status;
    assert_non_null(mkdtemp(directory));
    assert_int_equal(stat(directory, &status), 0);

    struct report *report = report_of(user_name, directory);
    rmdir(directory);
    assert_int_equal(report->drop_result, 0);
    assert_int_equal(report->root_inode, status.st_ino);
    assert_string_equal(report->directory, "/");
    assert_nothing_left(report);
}

static void a_missing_root_directory_is_named(void **state)
{
    (void)state;
    struct report *report = report_of(NULL, "/nonexistent/root");

    assert_int_equal(report->drop_result, -1);
    assert_non_null(strstr(report->error.text, "--chroot"));
    assert_non_null(strstr(report->error.text, "/nonexistent/root"));
}

static void assert_unknown_user(const char *run_as)
{
    struct privileges privileges = {0};
    struct error error;

    assert_int_equal(privileges_resolve(&privileges, run_as, &error), -1);
    assert_non_null(strstr(error.text, "--runas"));
    assert_non_null(strstr(error.text, run_as));
    assert_null(privileges.groups);
}

static void unknown_users_are_named(void **state)
{
    (void)state;
    assert_unknown_user("no-such-user");
    assert_unknown_user("-1");
    assert_unknown_user("4294967295");
    assert_unknown_user("99999999999999999999");
    assert_unknown_user("12x");
    assert_unknown_user("");
}

static void drop_twice(void *shared)
{
    struct report *report = shared;
    struct privileges privileges = {0};

    privileges_resolve(&privileges, user_name, &report->error);
    privileges_drop(&privileges, NULL, &report->error);
    privileges_free(&privileges);
    report->error.text[0] = '\0';
    drop_and_look(report);
}

static void who_is_that_user_already_needs_no_root(void **state)
{
    (void)state;
    if (!only_as_root())
        skip();
    struct report *report = child_shared(sizeof *report);
    report->run_as = user_name;

    assert_int_equal(child_run(drop_twice, report), 0);
    assert_int_equal(report->resolve_result, 0);
    assert_int_equal(report->drop_result, 0);
    assert_nothing_left(report);
}

static void others_cannot_become_somebody_else(void **state)
{
    (void)state;
    if (!only_as_root())
        skip();
    struct report *report = child_shared(sizeof *report);
    report->run_as = "bin";

    assert_int_equal(child_run(drop_twice, report), 0);
    assert_int_equal(report->resolve_result, 0);
    assert_int_equal(report->drop_result, -1);
    assert_non_null(strstr(report->error.text, "only root may"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_by_name_keeps_nothing_of_root),
        cmocka_unit_test(a_uid_of_the_database_gets_its_group),
        cmocka_unit_test(a_uid_outside_of_the_database_has_no_supplementary_groups),
        cmocka_unit_test(supplementary_groups_come_from_the_database),
        cmocka_unit_test(root_stays_root_without_its_powers),
        cmocka_unit_test(chroot_leaves_nothing_outside_within_reach),
        cmocka_unit_test(a_missing_root_directory_is_named),
        cmocka_unit_test(unknown_users_are_named),
        cmocka_unit_test(who_is_that_user_already_needs_no_root),
        cmocka_unit_test(others_cannot_become_somebody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
