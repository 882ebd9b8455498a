/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/notify.h"

/* A service manager's socket, at a path or at an abstract name. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void assert_receives(int fd, const char *expected)
{
    char message[512];
    ssize_t size = recv(fd, message, sizeof message - 1, 0);
    assert_true(size >= 0);
    message[size] = '\0';
    assert_string_equal(message, expected);
}

static void assert_talks_to(const char *name)
{
    int manager = listen_at(name);
    struct error error;
    int fd;
    char expected[128];

    assert_int_equal(notify_open(&fd, &error), 0);
    assert_true(fd >= 0);
    assert_int_equal(notify_ready(fd, "serving /dev/vtpm", &error), 0);
    snprintf(expected, sizeof expected, "READY=1\nMAINPID=%ld\nSTATUS=serving /dev/vtpm",
             (long)getpid());
    assert_receives(manager, expected);
    assert_int_equal(notify_stopping(fd, &error), 0);
    assert_receives(manager, "STOPPING=1");
    close(fd);
    close(manager);
}

static void a_path_is_told(void **state)
{
    (void)state;
    char directory[] = "/tmp/test_notify.XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/socket", directory);
    assert_talks_to(path);
    unlink(path);
    rmdir(directory);
}

static void an_abstract_name_is_told(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "@test_notify/%ld", (long)getpid());
    assert_talks_to(name);
}

static void without_the_variable_nothing_happens(void **state)
{
    (void)state;
    struct error error;
    int fd;

    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_open(&fd, &error), 0);
    assert_int_equal(fd, -1);
    setenv("NOTIFY_SOCKET", "", 1);
    assert_int_equal(notify_open(&fd, &error), 0);
    assert_int_equal(fd, -1);
    assert_int_equal(notify_ready(fd, "x", &error), 0);
    assert_int_equal(notify_stopping(fd, &error), 0);
}

static void assert_refused(const char *name)
{
    struct error error;
    int fd;

    setenv("NOTIFY_SOCKET", name, 1);
    assert_int_equal(notify_open(&fd, &error), -1);
    assert_int_equal(fd, -1);
    assert_non_null(strstr(error.text, "NOTIFY_SOCKET"));
}

static void addresses_that_lead_nowhere_are_errors(void **state)
{
    (void)state;
    char long_path[sizeof(struct sockaddr_un)];
    memset(long_path, 'x', sizeof long_path);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = '\0';

    assert_refused("relative/path");
    assert_refused("vsock:2:1234");
    assert_refused("/nonexistent/notify");
    assert_refused(long_path);
}

static void a_manager_that_went_away_is_an_error(void **state)
{
    (void)state;
    char name[64];
    struct error error;
    int fd;

    snprintf(name, sizeof name, "@test_notify/gone/%ld", (long)getpid());
    int manager = listen_at(name);
    assert_int_equal(notify_open(&fd, &error), 0);
    close(manager);
    assert_int_equal(notify_ready(fd, "x", &error), -1);
    assert_non_null(strstr(error.text, "NOTIFY_SOCKET"));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_told),
        cmocka_unit_test(an_abstract_name_is_told),
        cmocka_unit_test(without_the_variable_nothing_happens),
        cmocka_unit_test(addresses_that_lead_nowhere_are_errors),
        cmocka_unit_test(a_manager_that_went_away_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
