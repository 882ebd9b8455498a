/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preloaded into what tests/coverage/run measures.  gcov writes a program's counters when it ends by
 * exit(3), into files beside its objects.  Here they are written too
 *   - before _exit(2), by which forked children end;
 *   - before the process gives up the root directory or the user that writing needs.  What it
 *     counts afterwards is lost: it ends without another try.
 * A sandbox that closes leaves open what gcov's writing needs.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static bool confined;
static long (*real_syscall)(long number, ...);

static void call(void *object, const char *name)
{
    void (*function)(void) = NULL;

    *(void **)&function = dlsym(object, name);
    if (function != NULL)
        function();
}

/* Each shared object has its own copy of libgcov, and the program another. */
static int keep_object(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    const char *name = info->dlpi_name[0] != '\0' ? info->dlpi_name : NULL;
    void *object = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);

    if (object == NULL)
        return 0;
    call(object, "__gcov_dump");
    call(object, "__gcov_reset");
    dlclose(object);
    return 0;
}

static void keep_counters(void)
{
    if (!confined)
        dl_iterate_phdr(keep_object, NULL);
}

/* Spares the process gcov's destructors. */
static void end(int status, void *unused)
{
    (void)unused;
    fflush(NULL);
    real_syscall(SYS_exit_group, status);
}

static void confine(void)
{
    if (confined)
        return;
    keep_counters();
    confined = true;
    on_exit(end, NULL);
}

__attribute__((constructor)) static void begin(void)
{
    *(void **)&real_syscall = dlsym(RTLD_NEXT, "syscall");
}

void _exit(int status)
{
    keep_counters();
    for (;;)
        real_syscall(SYS_exit_group, status);
}

int chroot(const char *path)
{
    confine();
    return (int)real_syscall(SYS_chroot, path);
}

int setresuid(uid_t real, uid_t effective, uid_t saved)
{
    if (effective != (uid_t)-1 && effective != geteuid())
        confine();
    return (int)real_syscall(SYS_setresuid, real, effective, saved);
}

/* The flags by which gcov opens its files; who is careful opens with others. */
static void allow_gcov(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp opening = SCMP_A2(SCMP_CMP_EQ, O_RDWR | O_CREAT);
    const struct scmp_arg_cmp locking = SCMP_A1(SCMP_CMP_EQ, F_SETLKW);
    const struct scmp_arg_cmp asking = SCMP_A1(SCMP_CMP_EQ, F_GETFL);
    int (*add)(scmp_filter_ctx, uint32_t, int, unsigned, ...) = NULL;

    *(void **)&add = dlsym(RTLD_NEXT, "seccomp_rule_add");
    add(filter, SCMP_ACT_ALLOW, SYS_openat, 1, opening);
    add(filter, SCMP_ACT_ALLOW, SYS_fcntl, 1, locking);
    add(filter, SCMP_ACT_ALLOW, SYS_fcntl, 1, asking);
    add(filter, SCMP_ACT_ALLOW, SYS_newfstatat, 0);
    add(filter, SCMP_ACT_ALLOW, SYS_lseek, 0);
    add(filter, SCMP_ACT_ALLOW, SYS_ftruncate, 0);
}

int seccomp_load(const scmp_filter_ctx filter)
{
    int (*load)(const scmp_filter_ctx) = NULL;

    *(void **)&load = dlsym(RTLD_NEXT, "seccomp_load");
    allow_gcov(filter);
    return load(filter);
}

/* The variant's directory, which holds this library in tests/coverage. */
static int open_variant_directory(void)
{
    static const char here[] = "/tests/coverage/";
    char path[PATH_MAX];
    Dl_info info;

    if (dladdr(here, &info) == 0)
        return -1;
    snprintf(path, sizeof path, "%s", info.dli_fname);
    char *end = strstr(path, here);
    if (end != NULL)
        *end = '\0';
    return open(path, O_PATH | O_CLOEXEC);
}

static void leave_files_within_reach(int ruleset)
{
    struct landlock_path_beneath_attr rule = {
        .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                          LANDLOCK_ACCESS_FS_MAKE_REG,
        .parent_fd = open_variant_directory(),
    };

    real_syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(rule.parent_fd);
}

/* The C library has no function of its own for Landlock. */
long syscall(long number, ...)
{
    long argument[6];
    va_list arguments;

    va_start(arguments, number);
    for (size_t i = 0; i < sizeof argument / sizeof *argument; i++)
        argument[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_landlock_restrict_self)
        leave_files_within_reach((int)argument[0]);
    return real_syscall(number, argument[0], argument[1], argument[2], argument[3], argument[4],
                        argument[5]);
}
