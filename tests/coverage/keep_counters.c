/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preloaded into what tests/coverage/run measures.  gcov writes a program's counters when it ends by
 * exit(3), into files beside its objects.  Here they are written too
 *   - before _exit(2), by which forked children end;
 *   - before the process gives up what writing needs: its root directory, its user, its system
 *     calls.  What it counts afterwards is lost: it ends without another try.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static bool confined;

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

static void confine(void)
{
    keep_counters();
    confined = true;
}

/* Runs after all that the program does at its end, and before gcov's destructors. */
static void end(int status, void *unused)
{
    (void)unused;
    if (!confined)
        return;
    fflush(NULL);
    syscall(SYS_exit_group, status);
}

__attribute__((constructor)) static void begin(void)
{
    on_exit(end, NULL);
}

void _exit(int status)
{
    keep_counters();
    for (;;)
        syscall(SYS_exit_group, status);
}

int chroot(const char *path)
{
    confine();
    return (int)syscall(SYS_chroot, path);
}

int setresuid(uid_t real, uid_t effective, uid_t saved)
{
    confine();
    return (int)syscall(SYS_setresuid, real, effective, saved);
}

int seccomp_load(const void *filter);

int seccomp_load(const void *filter)
{
    int (*load)(const void *filter) = NULL;

    *(void **)&load = dlsym(RTLD_NEXT, "seccomp_load");
    confine();
    return load(filter);
}

/* The tracer takes the tracee's system calls for those of the program. */
long ptrace(enum __ptrace_request request, ...)
{
    va_list arguments;

    va_start(arguments, request);
    pid_t process = va_arg(arguments, pid_t);
    void *address = va_arg(arguments, void *);
    void *data = va_arg(arguments, void *);
    va_end(arguments);
    if (request == PTRACE_TRACEME)
        confine();
    return syscall(SYS_ptrace, request, process, address, data);
}
