/* SPDX-License-Identifier: BSD-3-Clause */
/* Landlock on a kernel that lacks it, or refuses one step.  The kernel is made up here: the linker
 * puts the functions below in the place of the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/landlock.h"

long __wrap_syscall(long number, ...);
int __wrap_prctl(int option, ...);

static struct {
    long abi; /* below 1: there is no Landlock */
    long refused;
    bool keeps_privileges;
    uint64_t handled;
} kernel;

static long create_ruleset(const struct landlock_ruleset_attr *attributes)
{
    if (attributes == NULL && kernel.abi < 1) {
        errno = ENOSYS;
        return -1;
    }
    if (attributes == NULL)
        return kernel.abi;
    kernel.handled = attributes->handled_access_fs;
    return open("/dev/null", O_PATH | O_CLOEXEC);
}

long __wrap_syscall(long number, ...)
{
    const struct landlock_ruleset_attr *attributes;
    va_list arguments;

    va_start(arguments, number);
    attributes = va_arg(arguments, const struct landlock_ruleset_attr *);
    va_end(arguments);
    if (number == kernel.refused && (number != SYS_landlock_create_ruleset || attributes != NULL)) {
        errno = EPERM;
        return -1;
    }
    return number == SYS_landlock_create_ruleset ? create_ruleset(attributes) : 0;
}

int __wrap_prctl(int option, ...)
{
    (void)option;
    errno = EINVAL;
    return kernel.keeps_privileges ? -1 : 0;
}

static int start(void **state)
{
    (void)state;
    memset(&kernel, 0, sizeof kernel);
    kernel.abi = 1;
    kernel.refused = -1;
    return 0;
}

static void a_kernel_without_landlock_restricts_no_path(void **state)
{
    (void)state;
    struct landlock landlock;
    struct error error;

    kernel.abi = -1;
    assert_int_equal(landlock_open(&landlock, &error), 0);
    assert_int_equal(landlock.ruleset, -1);
    assert_int_equal(landlock_allow(&landlock, "/nonexistent", LANDLOCK_READ, &error), 0);
    assert_int_equal(landlock_close(&landlock, &error), 0);
}

static void only_rights_that_the_kernel_knows_are_handled(void **state)
{
    (void)state;
    struct landlock landlock;
    struct error error;
    const uint64_t truncate = 1u << 14;

    assert_int_equal(landlock_open(&landlock, &error), 0);
    landlock_discard(&landlock);
    assert_int_equal(kernel.handled & (LANDLOCK_ACCESS_FS_REFER | truncate), 0);
    kernel.abi = 2;
    assert_int_equal(landlock_open(&landlock, &error), 0);
    landlock_discard(&landlock);
    assert_int_equal(kernel.handled & (LANDLOCK_ACCESS_FS_REFER | truncate),
                     LANDLOCK_ACCESS_FS_REFER);
    kernel.abi = 3;
    assert_int_equal(landlock_open(&landlock, &error), 0);
    landlock_discard(&landlock);
    assert_int_equal(kernel.handled & truncate, truncate);
}

static void a_set_that_cannot_be_made_is_an_error(void **state)
{
    (void)state;
    struct landlock landlock;
    struct error error;

    kernel.refused = SYS_landlock_create_ruleset;
    assert_int_equal(landlock_open(&landlock, &error), -1);
    assert_non_null(strstr(error.text, "cannot make a set of Landlock rules: Operation not"));
}

static void a_path_that_cannot_be_allowed_is_an_error_that_names_it(void **state)
{
    (void)state;
    struct landlock landlock;
    struct error error;

    kernel.refused = SYS_landlock_add_rule;
    assert_int_equal(landlock_open(&landlock, &error), 0);
    assert_int_equal(landlock_allow(&landlock, "/dev/null", LANDLOCK_READ, &error), -1);
    assert_non_null(strstr(error.text, "cannot leave '/dev/null' within reach: Operation not"));
    assert_int_equal(landlock_allow(&landlock, "/nonexistent", LANDLOCK_READ, &error), -1);
    assert_non_null(strstr(error.text, "'/nonexistent'"));
    landlock_discard(&landlock);
}

static void rules_that_are_not_put_in_force_are_an_error(void **state)
{
    (void)state;
    struct landlock landlock;
    struct error error;

    kernel.refused = SYS_landlock_restrict_self;
    assert_int_equal(landlock_open(&landlock, &error), 0);
    assert_int_equal(landlock_close(&landlock, &error), -1);
    assert_non_null(strstr(error.text, "cannot put the Landlock rules in force: Operation not"));
    assert_int_equal(landlock.ruleset, -1);

    kernel.refused = -1;
    kernel.keeps_privileges = true;
    assert_int_equal(landlock_open(&landlock, &error), 0);
    assert_int_equal(landlock_close(&landlock, &error), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_kernel_without_landlock_restricts_no_path, start),
        cmocka_unit_test_setup(only_rights_that_the_kernel_knows_are_handled, start),
        cmocka_unit_test_setup(a_set_that_cannot_be_made_is_an_error, start),
        cmocka_unit_test_setup(a_path_that_cannot_be_allowed_is_an_error_that_names_it, start),
        cmocka_unit_test_setup(rules_that_are_not_put_in_force_are_an_error, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
