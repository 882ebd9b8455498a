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
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "child.h"
#include "sandbox/sandbox.h"

static const char *const plugin_calls[] = {"openat", "socket", NULL};

struct report {
    enum seccomp_action action;
    int open_errno;
    char seccomp[8];
};

/* The order of calls of the start-up code; /dev/null stands for what the plugin needs. */
static void go_through(void *shared)
{
    struct report *report = shared;
    struct sandbox sandbox;
    struct error error;
    int status_fd = child_status_open();

    if (sandbox_open(&sandbox, report->action, 0, &error) != 0 ||
        sandbox_allow_calls(&sandbox, "storage-test", plugin_calls, &error) != 0 ||
        sandbox_allow_calls(&sandbox, "sanitizer", child_sanitizer_calls, &error) != 0 ||
        sandbox_allow_path(&sandbox, "/dev/null", LANDLOCK_READ, &error) != 0 ||
        sandbox_restrict_paths(&sandbox, &error) != 0 || sandbox_close(&sandbox, &error) != 0)
        _exit(1);
    child_status(status_fd, "Seccomp", report->seccomp, sizeof report->seccomp);
    if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
        _exit(2);
    report->open_errno = open("/dev/zero", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
    if (socket(AF_UNIX, SOCK_STREAM, 0) < 0)
        _exit(3);
    _exit(0);
}

static int landlock_is_there(void)
{
    struct landlock landlock;
    struct error error;

    assert_int_equal(landlock_open(&landlock, &error), 0);
    int available = landlock.ruleset >= 0;
    landlock_discard(&landlock);
    return available;
}

static void paths_and_calls_are_restricted_together(void **state)
{
    (void)state;
    struct report *report = child_shared(sizeof *report);

    if (!landlock_is_there()) {
        print_message("skipped: this kernel has no Landlock\n");
        skip();
    }
    assert_int_equal(child_run(go_through, report), 0);
    assert_string_equal(report->seccomp, "2");
    assert_int_equal(report->open_errno, EACCES);
}

static void none_restricts_neither(void **state)
{
    (void)state;
    struct report *report = child_shared(sizeof *report);
    report->action = SECCOMP_ACTION_NONE;

    assert_int_equal(child_run(go_through, report), 0);
    assert_string_equal(report->seccomp, "0");
    assert_int_equal(report->open_errno, 0);
}

static void none_lets_plugins_name_what_they_like(void **state)
{
    (void)state;
    static const char *const names[] = {"execve", "sokcet", NULL};
    struct sandbox sandbox;
    struct error error;

    assert_int_equal(sandbox_open(&sandbox, SECCOMP_ACTION_NONE, 0, &error), 0);
    assert_int_equal(sandbox_allow_calls(&sandbox, "storage-test", names, &error), 0);
    assert_int_equal(sandbox.calls.count, 0);
    sandbox_discard(&sandbox);
}

static void print_tells_who_needs_a_call_and_why(void **state)
{
    (void)state;
    struct sandbox sandbox;
    struct error error;
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    assert_int_equal(sandbox_open(&sandbox, SECCOMP_ACTION_LOG, SECCOMP_LOG_FILE, &error), 0);
    assert_int_equal(sandbox_allow_calls(&sandbox, "storage-test", plugin_calls, &error), 0);
    assert_int_equal(sandbox_print(&sandbox, stream), 0);
    assert_int_equal(fclose(stream), 0);
    sandbox_discard(&sandbox);

    assert_non_null(strstr(text, "\"action\": \"log\""));
    assert_non_null(strstr(text, "{ \"name\": \"socket\", \"source\": \"storage-test\" }"));
    assert_non_null(strstr(text, "{ \"name\": \"read\", \"source\": \"core\", \"reason\": \""));
    assert_non_null(strstr(text, "{ \"name\": \"getrandom\", \"source\": \"host\" }"));
    assert_non_null(strstr(text, "\"condition\": \"never executable\""));
    assert_int_equal(text[size - 2], '}');
    free(text);
}

static void a_stream_that_fails_is_an_error(void **state)
{
    (void)state;
    struct sandbox sandbox;
    struct error error;
    FILE *full = fopen("/dev/full", "we");

    assert_non_null(full);
    assert_int_equal(sandbox_open(&sandbox, SECCOMP_ACTION_KILL, 0, &error), 0);
    assert_int_equal(sandbox_print(&sandbox, full), -1);
    sandbox_discard(&sandbox);
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_and_calls_are_restricted_together),
        cmocka_unit_test(none_restricts_neither),
        cmocka_unit_test(none_lets_plugins_name_what_they_like),
        cmocka_unit_test(print_tells_who_needs_a_call_and_why),
        cmocka_unit_test(a_stream_that_fails_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
