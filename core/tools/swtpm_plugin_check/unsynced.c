/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/unsynced.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/swtpm_plugin_check/check.h"
#include "tools/swtpm_plugin_check/storage_call.h"

enum { FILES_MAX = 256, NO_ARGUMENT = -1 };

/* A file with unsynced data, or a directory with unsynced names. */
struct unsynced_file {
    dev_t device;
    ino_t inode;
    char path[PATH_MAX];
};

struct unsynced {
    struct unsynced_file files[FILES_MAX];
    unsigned count;
    unsigned changes;
    unsigned syncs;
    /* Of the call that was entered last. */
    char from[PATH_MAX];
    char to[PATH_MAX];
    bool existed;
};

struct unsynced *unsynced_new(void)
{
    struct unsynced *unsynced = calloc(1, sizeof *unsynced);
    check_that(unsynced != NULL, "no memory");
    return unsynced;
}

unsigned unsynced_changes(const struct unsynced *unsynced)
{
    return unsynced->changes;
}

unsigned unsynced_syncs(const struct unsynced *unsynced)
{
    return unsynced->syncs;
}

/* ------------------------------------------------------------------------------------ the table */

static void mark(struct unsynced *unsynced, const struct stat *status, const char *path)
{
    unsynced->changes++;
    for (unsigned i = 0; i < unsynced->count; i++)
        if (unsynced->files[i].device == status->st_dev &&
            unsynced->files[i].inode == status->st_ino)
            return;
    check_that(unsynced->count < FILES_MAX, "it works on more than %d files", FILES_MAX);
    struct unsynced_file *file = &unsynced->files[unsynced->count++];
    file->device = status->st_dev;
    file->inode = status->st_ino;
    snprintf(file->path, sizeof file->path, "%s", path);
}

static const struct unsynced_file *find(const struct unsynced *unsynced, const struct stat *status)
{
    for (unsigned i = 0; i < unsynced->count; i++)
        if (unsynced->files[i].device == status->st_dev &&
            unsynced->files[i].inode == status->st_ino)
            return &unsynced->files[i];
    return NULL;
}

static void forget(struct unsynced *unsynced, const struct stat *status)
{
    const struct unsynced_file *found = find(unsynced, status);

    if (found != NULL) {
        ptrdiff_t index = found - unsynced->files;
        unsynced->files[index] = unsynced->files[--unsynced->count];
    }
}

void unsynced_check(const struct unsynced *unsynced, const char *op)
{
    check_that(unsynced->count == 0, "when %s has returned, '%s' is not synced (%u such in all)",
               op, unsynced->files[0].path, unsynced->count);
}

/* ------------------------------------------------------------------- arguments of system calls */

static void descriptor_path(pid_t thread, uint64_t fd, char *path, size_t size)
{
    if ((int)fd == AT_FDCWD)
        snprintf(path, size, "/proc/%d/cwd", (int)thread);
    else
        snprintf(path, size, "/proc/%d/fd/%d", (int)thread, (int)fd);
}

/* A path that this process can use for what the traced one names. */
static void resolve(const struct system_call *call, int fd_argument, int path_argument, char *path)
{
    char base[64];
    char name[PATH_MAX - sizeof base];
    uint64_t fd = fd_argument == NO_ARGUMENT ? (uint64_t)AT_FDCWD : call->arguments[fd_argument];

    trace_read_string(call->thread, call->arguments[path_argument], name, sizeof name);
    descriptor_path(call->thread, fd, base, sizeof base);
    if (name[0] == '/')
        snprintf(path, PATH_MAX, "%s", name);
    else
        snprintf(path, PATH_MAX, "%s/%s", base, name);
}

/* Where calls on names have their arguments. */
static const struct {
    const char *name;
    int from_fd, from, to_fd, to;
} name_calls[] = {
    {"open", NO_ARGUMENT, 0, NO_ARGUMENT, NO_ARGUMENT},
    {"creat", NO_ARGUMENT, 0, NO_ARGUMENT, NO_ARGUMENT},
    {"openat", 0, 1, NO_ARGUMENT, NO_ARGUMENT},
    {"openat2", 0, 1, NO_ARGUMENT, NO_ARGUMENT},
    {"rename", NO_ARGUMENT, 0, NO_ARGUMENT, 1},
    {"renameat", 0, 1, 2, 3},
    {"renameat2", 0, 1, 2, 3},
    {"link", NO_ARGUMENT, 0, NO_ARGUMENT, 1},
    {"linkat", 0, 1, 2, 3},
    {"symlink", NO_ARGUMENT, NO_ARGUMENT, NO_ARGUMENT, 1},
    {"symlinkat", NO_ARGUMENT, NO_ARGUMENT, 1, 2},
    {"unlink", NO_ARGUMENT, 0, NO_ARGUMENT, NO_ARGUMENT},
    {"unlinkat", 0, 1, NO_ARGUMENT, NO_ARGUMENT},
    {"rmdir", NO_ARGUMENT, 0, NO_ARGUMENT, NO_ARGUMENT},
    {"mkdir", NO_ARGUMENT, 0, NO_ARGUMENT, NO_ARGUMENT},
    {"mkdirat", 0, 1, NO_ARGUMENT, NO_ARGUMENT},
};

static void read_names(struct unsynced *unsynced, const struct system_call *call)
{
    const char *name = system_call_name(call->number);

    unsynced->from[0] = '\0';
    unsynced->to[0] = '\0';
    for (size_t i = 0; i < sizeof name_calls / sizeof name_calls[0]; i++) {
        if (strcmp(name_calls[i].name, name) != 0)
            continue;
        if (name_calls[i].from != NO_ARGUMENT)
            resolve(call, name_calls[i].from_fd, name_calls[i].from, unsynced->from);
        if (name_calls[i].to != NO_ARGUMENT)
            resolve(call, name_calls[i].to_fd, name_calls[i].to, unsynced->to);
    }
}

static uint64_t open_flags(const struct system_call *call)
{
    const char *name = system_call_name(call->number);

    if (strcmp(name, "creat") == 0)
        return O_CREAT | O_WRONLY | O_TRUNC;
    return strcmp(name, "open") == 0 ? call->arguments[1] : call->arguments[2];
}

static bool writes_through(pid_t thread, uint64_t fd)
{
    char path[64];
    char line[128];
    unsigned long flags = 0;

    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", (int)thread, (int)fd);
    FILE *info = fopen(path, "re");
    while (info != NULL && fgets(line, sizeof line, info) != NULL)
        if (strncmp(line, "flags:", 6) == 0)
            flags = strtoul(line + 6, NULL, 8);
    if (info != NULL)
        fclose(info);
    return (flags & O_DSYNC) != 0;
}

/* ----------------------------------------------------------------------------- what calls change
 */

static void mark_parent(struct unsynced *unsynced, const char *path)
{
    char parent[PATH_MAX];
    char real[PATH_MAX];
    struct stat status;

    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash == NULL)
        return;
    slash[slash == parent] = '\0';
    if (realpath(parent, real) != NULL && stat(real, &status) == 0)
        mark(unsynced, &status, real);
}

static void after_open(struct unsynced *unsynced, const struct system_call *call)
{
    char path[64];
    struct stat status;
    uint64_t flags = open_flags(call);

    if ((flags & O_CREAT) != 0 && !unsynced->existed)
        mark_parent(unsynced, unsynced->from);
    descriptor_path(call->thread, (uint64_t)call->result, path, sizeof path);
    if ((flags & O_TRUNC) != 0 && unsynced->existed && stat(path, &status) == 0 &&
        S_ISREG(status.st_mode))
        mark(unsynced, &status, unsynced->from);
}

static void after_write(struct unsynced *unsynced, const struct system_call *call)
{
    char path[64];
    char target[PATH_MAX];
    struct stat status;
    bool copies = strcmp(system_call_name(call->number), "copy_file_range") == 0;
    uint64_t fd = call->arguments[copies ? 2 : 0];

    descriptor_path(call->thread, fd, path, sizeof path);
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) || writes_through(call->thread, fd))
        return;
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    mark(unsynced, &status, target);
}

static void after_sync(struct unsynced *unsynced, const struct system_call *call)
{
    const char *name = system_call_name(call->number);
    char path[64];
    struct stat status;

    unsynced->syncs++;
    if (strcmp(name, "sync") == 0 || strcmp(name, "syncfs") == 0)
        unsynced->count = 0;
    if (strcmp(name, "fsync") != 0 && strcmp(name, "fdatasync") != 0)
        return;
    descriptor_path(call->thread, call->arguments[0], path, sizeof path);
    if (stat(path, &status) == 0)
        forget(unsynced, &status);
}

static void after_names(struct unsynced *unsynced)
{
    if (unsynced->from[0] != '\0')
        mark_parent(unsynced, unsynced->from);
    if (unsynced->to[0] != '\0')
        mark_parent(unsynced, unsynced->to);
}

/* Data of files that lose their last name need not be synced; data of files that get one must. */
static void before_names(struct unsynced *unsynced)
{
    struct stat status;
    bool moves = unsynced->to[0] != '\0';

    if (lstat(moves ? unsynced->to : unsynced->from, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_nlink == 1)
        forget(unsynced, &status);
    if (!moves || lstat(unsynced->from, &status) != 0 || !S_ISREG(status.st_mode))
        return;
    const struct unsynced_file *file = find(unsynced, &status);
    check_that(file == NULL, "it gives '%s' another name before its data are synced",
               file != NULL ? file->path : "");
}

enum trace_verdict unsynced_on_entry(void *context, const struct system_call *call,
                                     int *error_number)
{
    struct unsynced *unsynced = context;
    struct stat status;

    (void)error_number;
    read_names(unsynced, call);
    unsynced->existed = lstat(unsynced->from, &status) == 0;
    if (storage_call_kind(call) == STORAGE_CALL_DIRECTORY)
        before_names(unsynced);
    return TRACE_CONTINUE;
}

enum trace_verdict unsynced_on_return(void *context, const struct system_call *call)
{
    struct unsynced *unsynced = context;

    if (call->result < 0)
        return TRACE_CONTINUE;
    switch (storage_call_kind(call)) {
    case STORAGE_CALL_OPEN:
        after_open(unsynced, call);
        break;
    case STORAGE_CALL_WRITE:
        after_write(unsynced, call);
        break;
    case STORAGE_CALL_SYNC:
        after_sync(unsynced, call);
        break;
    case STORAGE_CALL_DIRECTORY:
        after_names(unsynced);
        break;
    default:
        break;
    }
    return TRACE_CONTINUE;
}
