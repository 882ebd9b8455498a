/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/system_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/swtpm_plugin_check/checks.h"
#include "tools/swtpm_plugin_check/store.h"
#include "tools/swtpm_plugin_check/trace.h"
#include "tools/swtpm_plugin_check/use.h"

/* Which system calls the ops make, and on which paths. */

static const char *const host_calls[] = {SWTPM_HOST_SYSTEM_CALLS, NULL};

static void run_ops(struct store *store)
{
    store->traced = true;
    use_store(store);
    store_close(store);
}

static void open_and_run_ops(void *context)
{
    const struct subject *subject = context;
    struct store store = {0};

    store_open_empty(&store, subject, 0);
    run_ops(&store);
}

static bool is_listed(const char *const *names, const char *name)
{
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static bool newfstatat_has_path(const struct system_call *call)
{
    char path[8];
    trace_read_string(call->thread, call->arguments[1], path, sizeof path);
    return call->number == SYS_newfstatat && path[0] != '\0';
}

void system_call_must_be_declared(const struct subject *subject, const struct system_call *call)
{
    const char *name = system_call_name(call->number);

    if (is_listed(subject->plugin->system_calls, name))
        return;
    check_that(is_listed(host_calls, name) && !newfstatat_has_path(call),
               "an op calls %s%s, which is not among its system_calls", name,
               call->number == SYS_newfstatat ? " with a path" : "");
}

static enum trace_verdict judge_call(void *context, const struct system_call *call,
                                     int *error_number)
{
    (void)error_number;
    system_call_must_be_declared(context, call);
    return TRACE_CONTINUE;
}

void check_declared_system_calls(const struct subject *subject)
{
    struct subject copy = *subject;
    const struct trace trace = {.on_entry = judge_call, .context = &copy};

    trace_needed();
    check_child_status(trace_run(open_and_run_ops, &copy, &trace));
}

/* ---------------------------------------------------------------------------------------- paths */

struct path_watch {
    const struct subject *subject;
    struct announced_path *paths; /* shared with the traced process */
    unsigned *path_count;
};

static bool is_beneath(const char *path, const char *directory)
{
    size_t length = strlen(directory);

    while (length > 1 && directory[length - 1] == '/')
        length--;
    return strncmp(path, directory, length) == 0 &&
           (path[length] == '\0' || path[length] == '/' || length == 1);
}

static bool is_announced(const struct path_watch *watch, const char *path, uint32_t access)
{
    for (unsigned i = 0; i < *watch->path_count; i++) {
        char real[STORE_PATH_SIZE];
        const struct announced_path *announced = &watch->paths[i];
        if (realpath(announced->path, real) != NULL && is_beneath(path, real) &&
            (announced->access & access) == access)
            return true;
    }
    return false;
}

/* The path of an open descriptor of the traced process, by which Landlock would judge it. */
static void path_of_descriptor(pid_t thread, int64_t fd, char path[STORE_PATH_SIZE])
{
    char link[64];

    if (fd == AT_FDCWD)
        snprintf(link, sizeof link, "/proc/%d/cwd", (int)thread);
    else
        snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)thread, (int)fd);
    ssize_t length = readlink(link, path, STORE_PATH_SIZE - 1);
    path[length > 0 ? length : 0] = '\0';
}

static enum trace_verdict ignore_entry(void *context, const struct system_call *call,
                                       int *error_number)
{
    (void)context;
    (void)call;
    (void)error_number;
    return TRACE_CONTINUE;
}

static enum trace_verdict judge_opened(void *context, const struct system_call *call)
{
    const struct path_watch *watch = context;
    char path[STORE_PATH_SIZE];

    if (call->number != SYS_openat || call->result < 0)
        return TRACE_CONTINUE;
    uint32_t access =
        (call->arguments[2] & O_ACCMODE) == O_RDONLY ? SWTPM_PATH_READ : SWTPM_PATH_WRITE;
    path_of_descriptor(call->thread, call->result, path);
    check_that(is_announced(watch, path, access),
               "an op opens '%s' for %s, which open did not announce", path,
               access == SWTPM_PATH_READ ? "reading" : "writing");
    return TRACE_CONTINUE;
}

static void open_tell_and_run_ops(void *context)
{
    struct path_watch *watch = context;
    struct store store = {0};

    store_open_empty(&store, watch->subject, 0);
    memcpy(watch->paths, store.paths, sizeof store.paths);
    *watch->path_count = store.path_count;
    run_ops(&store);
}

void check_announced_paths(const struct subject *subject)
{
    struct path_watch watch = {.subject = subject};
    const struct trace trace = {
        .on_entry = ignore_entry, .on_return = judge_opened, .context = &watch};

    trace_needed();
    watch.paths = check_shared_memory(sizeof *watch.paths * STORE_PATHS_MAX);
    watch.path_count = check_shared_memory(sizeof *watch.path_count);
    check_child_status(trace_run(open_tell_and_run_ops, &watch, &trace));
}
