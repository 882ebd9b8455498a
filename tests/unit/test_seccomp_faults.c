/* SPDX-License-Identifier: BSD-3-Clause */
/* A filter that libseccomp, the kernel or the memory refuses at one step: an error, and nothing is
 * in force.  The linker puts the functions below in the place of the libraries'. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/seccomp.h"

enum step { INIT, ATTRIBUTE, RULE, PRIORITY, NOTIFY_ALLOC, MEMORY, THREAD, LOAD };

static enum step refused;

scmp_filter_ctx __real_seccomp_init(uint32_t action);
int __real_seccomp_attr_set(scmp_filter_ctx filter, enum scmp_filter_attr attribute,
                            uint32_t value);
int __real_seccomp_syscall_priority(scmp_filter_ctx filter, int number, uint8_t priority);
int __real_seccomp_notify_alloc(struct seccomp_notif **request,
                                struct seccomp_notif_resp **response);
void *__real_calloc(size_t count, size_t size);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument);
scmp_filter_ctx __wrap_seccomp_init(uint32_t action);
int __wrap_seccomp_attr_set(scmp_filter_ctx filter, enum scmp_filter_attr attribute,
                            uint32_t value);
int __wrap_seccomp_rule_add(scmp_filter_ctx filter, uint32_t action, int number, unsigned count,
                            ...);
int __wrap_seccomp_syscall_priority(scmp_filter_ctx filter, int number, uint8_t priority);
int __wrap_seccomp_notify_alloc(struct seccomp_notif **request,
                                struct seccomp_notif_resp **response);
int __wrap_seccomp_load(scmp_filter_ctx filter);
void *__wrap_calloc(size_t count, size_t size);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument);

scmp_filter_ctx __wrap_seccomp_init(uint32_t action)
{
    return refused == INIT ? NULL : __real_seccomp_init(action);
}

int __wrap_seccomp_attr_set(scmp_filter_ctx filter, enum scmp_filter_attr attribute, uint32_t value)
{
    return refused == ATTRIBUTE ? -EOPNOTSUPP : __real_seccomp_attr_set(filter, attribute, value);
}

int __wrap_seccomp_rule_add(scmp_filter_ctx filter, uint32_t action, int number, unsigned count,
                            ...)
{
    (void)filter;
    (void)action;
    (void)number;
    (void)count;
    return refused == RULE ? -ENOMEM : 0;
}

int __wrap_seccomp_syscall_priority(scmp_filter_ctx filter, int number, uint8_t priority)
{
    return refused == PRIORITY ? -EDOM : __real_seccomp_syscall_priority(filter, number, priority);
}

int __wrap_seccomp_notify_alloc(struct seccomp_notif **request,
                                struct seccomp_notif_resp **response)
{
    return refused == NOTIFY_ALLOC ? -EOPNOTSUPP : __real_seccomp_notify_alloc(request, response);
}

/* Never loaded: the test goes on. */
int __wrap_seccomp_load(scmp_filter_ctx filter)
{
    (void)filter;
    return refused == LOAD ? -EINVAL : 0;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refused == MEMORY ? NULL : __real_calloc(count, size);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument)
{
    return refused == THREAD ? EAGAIN : __real_pthread_create(thread, attributes, body, argument);
}

static void check(enum seccomp_action action, enum step step, const char *text)
{
    static const char *const names[] = {"getpid", NULL};
    struct seccomp_list list = {0};
    struct error error;

    assert_int_equal(seccomp_list_add(&list, "storage-test", names, &error), 0);
    refused = step;
    assert_int_equal(seccomp_close(&list, action, &error), -1);
    assert_non_null(strstr(error.text, text));
}

static void a_refused_filter_that_kills_is_an_error_that_names_the_step(void **state)
{
    (void)state;

    check(SECCOMP_ACTION_KILL, INIT, "libseccomp cannot make a filter");
    check(SECCOMP_ACTION_KILL, ATTRIBUTE, "cannot set up the filter: Operation not supported");
    check(SECCOMP_ACTION_KILL, RULE, "cannot allow 'getpid': Cannot allocate memory");
    check(SECCOMP_ACTION_KILL, PRIORITY, "cannot allow 'getpid'");
    check(SECCOMP_ACTION_KILL, LOAD, "cannot put the filter in force: Invalid argument");
}

static void a_refused_filter_that_logs_is_one_too(void **state)
{
    (void)state;

    check(SECCOMP_ACTION_LOG, RULE, "cannot set up the filter: Cannot allocate memory");
    check(SECCOMP_ACTION_LOG, MEMORY, "no memory for the thread that logs");
    check(SECCOMP_ACTION_LOG, NOTIFY_ALLOC, "action=log needs Linux 5.7");
    check(SECCOMP_ACTION_LOG, THREAD, "cannot start the thread that logs: Resource temporarily");
    check(SECCOMP_ACTION_LOG, LOAD, "cannot put the filter in force: Invalid argument");
}

static void more_plugins_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {NULL};
    struct seccomp_list list = {0};
    struct error error;

    for (int i = 0; i < SECCOMP_PLUGINS_MAX; i++)
        assert_int_equal(seccomp_list_add(&list, "storage-test", names, &error), 0);
    assert_int_equal(seccomp_list_add(&list, "storage-last", names, &error), -1);
    assert_non_null(strstr(error.text, "'storage-last' is one more"));
}

static void more_calls_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    char *names[SECCOMP_LIST_CAPACITY + 2] = {NULL};
    struct seccomp_list list = {0};
    struct error error;
    size_t count = 0;

    /* What no plugin gets is refused for that reason, so single calls are tried first. */
    for (int number = 0; number < 400 && count < SECCOMP_LIST_CAPACITY + 1; number++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
        const char *const one[] = {name, NULL};
        struct seccomp_list trial = {0};
        if (name != NULL && seccomp_list_add(&trial, "trial", one, &error) == 0 && trial.count == 1)
            names[count++] = name;
        else
            free(name);
    }
    assert_int_equal(count, SECCOMP_LIST_CAPACITY + 1);
    assert_int_equal(seccomp_list_add(&list, "storage-greedy", (const char *const *)names, &error),
                     -1);
    assert_non_null(strstr(error.text, "'storage-greedy' names more system calls than"));
    for (size_t i = 0; i < count; i++)
        free(names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_filter_that_kills_is_an_error_that_names_the_step),
        cmocka_unit_test(a_refused_filter_that_logs_is_one_too),
        cmocka_unit_test(more_plugins_than_there_is_room_for_are_refused),
        cmocka_unit_test(more_calls_than_there_is_room_for_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
