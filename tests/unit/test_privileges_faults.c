/* SPDX-License-Identifier: BSD-3-Clause */
/* Dropping privileges on a kernel that refuses one step, or does not do what it says.  The kernel
 * is made up here: the linker puts the functions below in the place of the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <grp.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/privileges.h"

int __wrap_chdir(const char *path);
int __wrap_chroot(const char *path);
int __wrap_prctl(int option, ...);
int __wrap_setgroups(size_t count, const gid_t *groups);
int __wrap_setresgid(gid_t real, gid_t effective, gid_t saved);
int __wrap_setresuid(uid_t real, uid_t effective, uid_t saved);
uid_t __wrap_geteuid(void);
gid_t __wrap_getegid(void);
int __wrap_setrlimit(__rlimit_resource_t resource, const struct rlimit *limit);
long __wrap_syscall(long number, ...);

enum step {
    NO_STEP,
    CHROOT,
    BOUNDING_SET,
    SET_GROUPS,
    SET_GID,
    SET_UID,
    AMBIENT,
    SET_CAPABILITIES,
    GET_CAPABILITIES,
    NO_NEW_PRIVILEGES,
    CORE_LIMIT
};

enum { USER = 1000, CAPABILITIES = 3 };

static struct {
    enum step refused;
    int reason;
    uid_t uid;
    gid_t gid;
    bool lets_root_back;
    bool keeps_capabilities;
    unsigned bounding_set; /* bits */
} kernel;

static int answer(enum step step)
{
    if (kernel.refused != step)
        return 0;
    errno = kernel.reason;
    return -1;
}

int __wrap_chdir(const char *path)
{
    (void)path;
    return 0;
}

int __wrap_chroot(const char *path)
{
    (void)path;
    return answer(CHROOT);
}

static int bounding_set(int option, unsigned long capability)
{
    if (capability >= CAPABILITIES) {
        errno = EINVAL;
        return -1;
    }
    if (option == PR_CAPBSET_READ)
        return kernel.bounding_set >> capability & 1;
    if (answer(BOUNDING_SET) != 0)
        return -1;
    kernel.bounding_set &= ~(1u << capability);
    return 0;
}

int __wrap_prctl(int option, ...)
{
    va_list arguments;

    va_start(arguments, option);
    unsigned long argument = va_arg(arguments, unsigned long);
    va_end(arguments);
    if (option == PR_CAPBSET_READ || option == PR_CAPBSET_DROP)
        return bounding_set(option, argument);
    return answer(option == PR_CAP_AMBIENT ? AMBIENT : NO_NEW_PRIVILEGES);
}

int __wrap_setgroups(size_t count, const gid_t *groups)
{
    (void)count;
    (void)groups;
    return answer(SET_GROUPS);
}

int __wrap_setresgid(gid_t real, gid_t effective, gid_t saved)
{
    (void)real;
    (void)saved;
    if (kernel.gid != 0 && effective == 0 && !kernel.lets_root_back) {
        errno = EPERM;
        return -1;
    }
    if (answer(SET_GID) != 0)
        return -1;
    kernel.gid = effective;
    return 0;
}

int __wrap_setresuid(uid_t real, uid_t effective, uid_t saved)
{
    (void)real;
    (void)saved;
    if (kernel.uid != 0 && effective == 0 && !kernel.lets_root_back) {
        errno = EPERM;
        return -1;
    }
    if (answer(SET_UID) != 0)
        return -1;
    kernel.uid = effective;
    return 0;
}

uid_t __wrap_geteuid(void)
{
    return kernel.uid;
}

gid_t __wrap_getegid(void)
{
    return kernel.gid;
}

int __wrap_setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
    (void)resource;
    (void)limit;
    return answer(CORE_LIMIT);
}

/* capget(2) and capset(2), for which the C library has no functions. */
long __wrap_syscall(long number, ...)
{
    struct __user_cap_data_struct *sets;
    va_list arguments;

    va_start(arguments, number);
    va_arg(arguments, struct __user_cap_header_struct *);
    sets = va_arg(arguments, struct __user_cap_data_struct *);
    va_end(arguments);
    if (number == SYS_capset)
        return answer(SET_CAPABILITIES);
    memset(sets, 0, 2 * sizeof *sets);
    sets[1].permitted = kernel.keeps_capabilities;
    return answer(GET_CAPABILITIES);
}

static int start(void **state)
{
    (void)state;
    memset(&kernel, 0, sizeof kernel);
    kernel.bounding_set = (1u << CAPABILITIES) - 1;
    return 0;
}

static int drop(const char *root, struct error *error)
{
    const struct privileges privileges = {.uid = USER, .gid = USER};

    error->text[0] = '\0';
    return privileges_drop(&privileges, root, error);
}

static void a_kernel_that_does_all_is_believed(void **state)
{
    (void)state;
    struct error error;

    assert_int_equal(drop("/root", &error), 0);
    assert_int_equal(kernel.uid, USER);
    assert_int_equal(kernel.gid, USER);
    assert_int_equal(kernel.bounding_set, 0);
}

static void each_refused_step_is_an_error_that_names_it(void **state)
{
    (void)state;
    static const struct {
        enum step step;
        int reason;
        const char *text;
    } refusals[] = {
        {CHROOT, EPERM, "'/root' the root directory: Operation not permitted; only root may"},
        {CHROOT, EACCES, "'/root' the root directory: Permission denied"},
        {BOUNDING_SET, EINVAL, "cannot drop capability 0 from the bounding set"},
        {SET_GROUPS, EPERM, "cannot become uid 1000, gid 1000: Operation not permitted; only root"},
        {SET_GID, EINVAL, "cannot become uid 1000, gid 1000: Invalid argument"},
        {SET_UID, EAGAIN, "cannot become uid 1000, gid 1000: Resource temporarily unavailable"},
        {AMBIENT, EINVAL, "cannot clear the ambient capabilities"},
        {SET_CAPABILITIES, EPERM, "cannot drop all capabilities: Operation not permitted"},
        {GET_CAPABILITIES, EFAULT, "cannot read the capabilities: Bad address"},
        {NO_NEW_PRIVILEGES, EINVAL, "cannot forbid new privileges and core dumps"},
        {CORE_LIMIT, EPERM, "cannot forbid new privileges and core dumps"},
    };
    struct error error;

    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        start(NULL);
        kernel.refused = refusals[i].step;
        kernel.reason = refusals[i].reason;
        assert_int_equal(drop("/root", &error), -1);
        assert_non_null(strstr(error.text, refusals[i].text));
    }
}

static void a_bounding_set_that_may_not_be_changed_stays(void **state)
{
    (void)state;
    struct error error;

    kernel.refused = BOUNDING_SET;
    kernel.reason = EPERM;
    assert_int_equal(drop(NULL, &error), 0);
    assert_int_equal(kernel.bounding_set, (1u << CAPABILITIES) - 1);
}

static void a_way_back_to_root_is_an_error(void **state)
{
    (void)state;
    struct error error;

    kernel.lets_root_back = true;
    assert_int_equal(drop(NULL, &error), -1);
    assert_non_null(strstr(error.text, "did not stay uid 1000, gid 1000"));
}

static void capabilities_that_are_still_there_are_an_error(void **state)
{
    (void)state;
    struct error error;

    kernel.keeps_capabilities = true;
    assert_int_equal(drop(NULL, &error), -1);
    assert_non_null(strstr(error.text, "still reports some"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_kernel_that_does_all_is_believed, start),
        cmocka_unit_test(each_refused_step_is_an_error_that_names_it),
        cmocka_unit_test_setup(a_bounding_set_that_may_not_be_changed_stays, start),
        cmocka_unit_test_setup(a_way_back_to_root_is_an_error, start),
        cmocka_unit_test_setup(capabilities_that_are_still_there_are_an_error, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
