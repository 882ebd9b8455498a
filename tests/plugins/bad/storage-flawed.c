/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A storage plugin with one flaw, which FLAW names: what swtpm-plugin-check must refuse is this
 * file built once for each (tests/tests.ninja).  With FLAW=NONE it keeps the contract.
 *
 * Values are files of a directory; a lock file is beside them.  A location that ends with a slash is
 * the place of all stores in that directory.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "swtpm_plugin.h"

enum flaw {
    NONE,
    ACCEPTS_ANY_NAME,
    ANNOUNCES_NOTHING,
    BLOCKING_LOCK,
    BUFFER_TOUCHED,
    CHANGES_UMASK,
    CONSTRUCTOR_OPENS,
    CREATES_UNASKED,
    DESCRIPTOR_LEAK,
    EMPTY_UNSYNCED,
    ERRNO_AS_RESULT,
    FOLLOWS_LINKS,
    HIDES_FAULTS,
    KEEPS_LOCATION,
    LARGE_UNSYNCED,
    LISTS_EVERYTHING,
    LOSES_LAST_BYTE,
    LOCK_PER_PROCESS,
    MEMORY_LEAK,
    MODE_BY_UMASK,
    NO_CLOEXEC,
    NO_DIRECTORY_SYNC,
    NO_FILE_SYNC,
    NO_MESSAGE,
    ONE_LOCK_FOR_ALL,
    PRINTS,
    READ_ONLY_WRITES,
    SKIPS_SAME_VALUE,
    STORES_BUSY,
    STORES_BY_NAME,
    STORES_EXAMINED,
    STORES_GO_ON,
    STORES_NOWHERE,
    STORES_PASSED_OVER,
    STORES_TOUCHED,
    SYNCS_AT_TIMES,
    THREAD_LOCAL_STATE,
    TORN_PUT,
    TRUSTS_MALLOC,
    UNDECLARED_SYSTEM_CALL,
    WRONG_CODE_WHEN_FULL
};

static const enum flaw flaw = FLAW;

#define TEMPORARY ".new"
#define LOCK ".lock"

struct swtpm_storage {
    const char *location;
    int directory;
    int lock; /* the lock file; -1 while the lock is not held */
    mode_t mode;
    bool read_only;
};

static bool enumerating;
static _Thread_local const struct swtpm_storage *opened_by_this_thread;

static int fail(struct swtpm_plugin_error *error, int code, const char *what, const char *name)
{
    if (flaw == NO_MESSAGE)
        return code;
    snprintf(error->message, sizeof error->message, "%s '%s'", what, name);
    return code;
}

static int fail_errno(struct swtpm_plugin_error *error, const char *what, const char *name)
{
    int number = errno;
    int code = SWTPM_PLUGIN_IO;

    if (number == ENOENT)
        code = SWTPM_PLUGIN_NOT_FOUND;
    else if (number == ENOSPC && flaw != WRONG_CODE_WHEN_FULL)
        code = SWTPM_PLUGIN_NO_SPACE;
    else if (number == ENOMEM)
        code = SWTPM_PLUGIN_NO_MEMORY;
    else if (number == ELOOP || number == EACCES)
        code = SWTPM_PLUGIN_DENIED;
    return fail(error, flaw == ERRNO_AS_RESULT ? number : code, what, name);
}

static int check_name(const char *name, struct swtpm_plugin_error *error)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-");

    if (flaw == ACCEPTS_ANY_NAME && name[0] != '\0' && strchr(name, '/') == NULL)
        return 0;
    if (length == 0 || length > SWTPM_STORAGE_NAME_MAX || name[length] != '\0' || name[0] == '.' ||
        name[0] == '-')
        return fail(error, SWTPM_PLUGIN_INVALID, "no name of a value:", name);
    return 0;
}

static int open_at(const struct swtpm_storage *storage, const char *name, int flags)
{
    int close_on_exec = flaw == NO_CLOEXEC ? 0 : O_CLOEXEC;
    int no_follow = flaw == FOLLOWS_LINKS ? 0 : O_NOFOLLOW;
    int fd;

    do
        fd = openat(storage->directory, name, flags | close_on_exec | no_follow | O_NONBLOCK,
                    storage->mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* ------------------------------------------------------------------------------- open and close */

__attribute__((constructor)) static void when_loaded(void)
{
    if (flaw == CONSTRUCTOR_OPENS && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
        abort();
}

static int open_directory(const char *path, bool create)
{
    if (create && mkdir(path, 0700) == 0) {
        int parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int grandparent = parent < 0 ? -1 : openat(parent, "..", O_RDONLY | O_CLOEXEC);
        int synced = grandparent < 0 ? -1 : fsync(grandparent);
        int saved = errno;
        if (grandparent >= 0)
            close(grandparent);
        if (parent >= 0)
            close(parent);
        errno = saved;
        if (synced != 0)
            return -1;
    } else if (create && errno != EEXIST) {
        return -1;
    }
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int flawed_open(struct swtpm_storage **storage,
                       const struct swtpm_storage_parameters *parameters,
                       struct swtpm_plugin_error *error)
{
    bool read_only = (parameters->flags & SWTPM_STORAGE_READ_ONLY) != 0;
    bool create = (parameters->flags & SWTPM_STORAGE_CREATE) != 0 && !read_only;
    if (flaw == STORES_BUSY && enumerating)
        return fail(error, SWTPM_PLUGIN_BUSY, "no time to open", parameters->location);
    struct swtpm_storage *opened = malloc(sizeof *opened);

    if (opened == NULL && flaw != TRUSTS_MALLOC)
        return fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory to open", parameters->location);
    *opened = (struct swtpm_storage){
        .lock = -1, .mode = parameters->mode, .read_only = read_only && flaw != READ_ONLY_WRITES};
    opened->location = flaw == KEEPS_LOCATION ? parameters->location : strdup(parameters->location);
    int code = 0;
    if (flaw != KEEPS_LOCATION && opened->location == NULL)
        code = fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory to open", parameters->location);
    opened->directory =
        code != 0 ? -1 : open_directory(parameters->location, create || flaw == CREATES_UNASKED);
    if (code == 0 && opened->directory < 0)
        code = fail_errno(error, "cannot open", parameters->location);
    if (code == 0 && flaw != ANNOUNCES_NOTHING) {
        code = parameters->announce_path(parameters->context, parameters->location,
                                         SWTPM_PATH_READ | (read_only ? 0 : SWTPM_PATH_WRITE));
        if (code != 0)
            fail(error, code, "not allowed to use", parameters->location);
    }
    if (code != 0) {
        if (opened->directory >= 0)
            close(opened->directory);
        if (flaw != KEEPS_LOCATION)
            free((char *)(uintptr_t)opened->location);
        free(opened);
        return code;
    }
    opened_by_this_thread = opened;
    *storage = opened;
    return 0;
}

static void flawed_close(struct swtpm_storage *storage)
{
    if (storage->lock >= 0)
        close(storage->lock);
    close(storage->directory);
    if (flaw != KEEPS_LOCATION && flaw != MEMORY_LEAK)
        free((char *)(uintptr_t)storage->location);
    free(storage);
}

/* ---------------------------------------------------------------------------------------- locks */

static int flawed_lock(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int command = flaw == BLOCKING_LOCK      ? F_OFD_SETLKW
                  : flaw == LOCK_PER_PROCESS ? F_SETLK
                                             : F_OFD_SETLK;

    if (storage->read_only)
        return fail(error, SWTPM_PLUGIN_DENIED, "opened for reading only:", storage->location);
    if (storage->lock >= 0)
        return 0;
    const char *file = flaw == ONE_LOCK_FOR_ALL ? "../" LOCK : LOCK;
    int fd = open_at(storage, file, O_RDWR | O_CREAT);
    if (fd < 0)
        return fail_errno(error, "cannot open the lock file of", storage->location);
    if (fcntl(fd, command, &lock) == 0) {
        storage->lock = fd;
        return 0;
    }
    int code = errno == EAGAIN || errno == EACCES
                   ? fail(error, SWTPM_PLUGIN_BUSY, "in use by somebody:", storage->location)
                   : fail_errno(error, "cannot lock", storage->location);
    close(fd);
    return code;
}

static int flawed_unlock(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    (void)error;
    if (storage->lock >= 0)
        close(storage->lock);
    storage->lock = -1;
    return 0;
}

/* --------------------------------------------------------------------------------------- values */

static int read_all(int fd, char *to, size_t size)
{
    while (size > 0) {
        ssize_t got = read(fd, to, size);
        if (got < 0 && errno != EINTR)
            return -1;
        if (got == 0) {
            errno = EIO;
            return -1;
        }
        if (got > 0) {
            to += got;
            size -= (size_t)got;
        }
    }
    return 0;
}

static int write_all(int fd, const char *from, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, from, size);
        if (put < 0 && errno != EINTR)
            return -1;
        if (put > 0) {
            from += put;
            size -= (size_t)put;
        }
    }
    return 0;
}

/* Reads to memory of its own first, as a failure must not touch the caller's. */
static int read_value(int fd, const char *name, struct swtpm_buffer buffer, size_t size,
                      struct swtpm_plugin_error *error)
{
    char *copy = malloc(size + 1);
    int code = 0;

    if (copy == NULL && flaw != TRUSTS_MALLOC)
        return fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory to read", name);
    if (read_all(fd, copy, size) != 0)
        code = fail_errno(error, "cannot read", name);
    else
        memcpy(buffer.data, copy, size);
    free(copy);
    return code;
}

static int flawed_get(struct swtpm_storage *storage, const char *name, struct swtpm_buffer buffer,
                      size_t *size, struct swtpm_plugin_error *error)
{
    struct stat status;
    int code = check_name(name, error);

    if (code != 0)
        return code;
    if (flaw == PRINTS)
        fprintf(stderr, "reading %s\n", name);
    if (flaw == BUFFER_TOUCHED && buffer.size > 0)
        memset(buffer.data, 0, buffer.size);
    int fd = open_at(storage, name, O_RDONLY);
    if (fd < 0)
        return fail_errno(error, "cannot open", name);
    if (fstat(fd, &status) != 0)
        code = fail_errno(error, "cannot examine", name);
    else if (buffer.size > 0 && (size_t)status.st_size > buffer.size)
        code = fail(error, SWTPM_PLUGIN_TOO_SMALL, "the buffer is smaller than", name);
    else if (buffer.size > 0)
        code = read_value(fd, name, buffer, (size_t)status.st_size, error);
    if (code != SWTPM_PLUGIN_TOO_SMALL || flaw != DESCRIPTOR_LEAK)
        close(fd);
    if (code == 0)
        *size = (size_t)status.st_size;
    return code;
}

static int set_mode(const struct swtpm_storage *storage, int fd)
{
    if (flaw == CHANGES_UMASK)
        umask(0);
    return flaw == MODE_BY_UMASK ? 0 : fchmod(fd, storage->mode);
}

static int write_file(const struct swtpm_storage *storage, const char *name,
                      struct swtpm_bytes value, bool durable)
{
    int fd = open_at(storage, name, O_WRONLY | O_CREAT | O_TRUNC);

    if (fd < 0)
        return -1;
    int result = set_mode(storage, fd);
    if (result == 0)
        result = write_all(fd, value.data, value.size);
    if (result == 0 && durable && flaw != NO_FILE_SYNC)
        result = fsync(fd);
    int saved = errno;
    close(fd);
    errno = saved;
    return flaw == HIDES_FAULTS ? 0 : result;
}

static int exchange(const struct swtpm_storage *storage, const char *name, bool durable)
{
    if (renameat(storage->directory, TEMPORARY, storage->directory, name) != 0)
        return -1;
    return durable && flaw != NO_DIRECTORY_SYNC ? fsync(storage->directory) : 0;
}

/* Whether a durable put of this size is made durable. */
static bool does_sync(size_t size)
{
    static unsigned puts;

    puts++;
    return !(flaw == EMPTY_UNSYNCED && size == 0) && !(flaw == LARGE_UNSYNCED && size >= 100000) &&
           !(flaw == SYNCS_AT_TIMES && puts % 3 == 0);
}

static bool is_stored(const struct swtpm_storage *storage, const char *name,
                      struct swtpm_bytes value)
{
    struct stat status = {0};
    int fd = open_at(storage, name, O_RDONLY);
    char *stored = malloc(value.size + 1);

    bool same = fd >= 0 && stored != NULL && fstat(fd, &status) == 0 &&
                (size_t)status.st_size == value.size && read_all(fd, stored, value.size) == 0 &&
                memcmp(stored, value.data, value.size) == 0;
    free(stored);
    if (fd >= 0)
        close(fd);
    return same;
}

static int flawed_put(struct swtpm_storage *storage, const char *name, struct swtpm_bytes value,
                      uint32_t flags, struct swtpm_plugin_error *error)
{
    bool durable = (flags & SWTPM_STORAGE_DURABLE) != 0 && does_sync(value.size);
    const char *target = flaw == TORN_PUT ? name : TEMPORARY;
    int code = check_name(name, error);

    if (code != 0)
        return code;
    if (storage->read_only)
        return fail(error, SWTPM_PLUGIN_DENIED, "opened for reading only:", storage->location);
    if (value.size > SWTPM_STORAGE_VALUE_MAX)
        return fail(error, SWTPM_PLUGIN_INVALID, "too large:", name);
    if (flaw == UNDECLARED_SYSTEM_CALL)
        syscall(SYS_getppid);
    if (flaw == THREAD_LOCAL_STATE && opened_by_this_thread != storage)
        return fail(error, SWTPM_PLUGIN_IO, "not open in this thread:", name);
    if (flaw == SKIPS_SAME_VALUE && is_stored(storage, name, value))
        return 0;
    if (flaw == LOSES_LAST_BYTE && value.size > 0)
        value.size--;
    if (write_file(storage, target, value, durable) != 0)
        return fail_errno(error, "cannot write", name);
    if (flaw == TORN_PUT)
        return 0;
    if (exchange(storage, name, durable) != 0)
        return fail_errno(error, "cannot exchange", name);
    return 0;
}

static int flawed_del(struct swtpm_storage *storage, const char *name, uint32_t flags,
                      struct swtpm_plugin_error *error)
{
    int code = check_name(name, error);

    if (code != 0)
        return code;
    if (storage->read_only)
        return fail(error, SWTPM_PLUGIN_DENIED, "opened for reading only:", storage->location);
    if (unlinkat(storage->directory, name, 0) != 0 ||
        ((flags & SWTPM_STORAGE_DURABLE) != 0 && fsync(storage->directory) != 0))
        return fail_errno(error, "cannot remove", name);
    return 0;
}

static int visit_file(const struct swtpm_storage *storage, const char *name,
                      swtpm_storage_visitor visit, void *context, struct swtpm_plugin_error *error)
{
    struct stat status;

    if (name[0] == '.' && (flaw != LISTS_EVERYTHING || name[1] == '\0' || name[1] == '.'))
        return 0;
    if (fstatat(storage->directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return fail_errno(error, "cannot examine", name);
    return visit(context, name, (uint64_t)status.st_size);
}

static int flawed_list(struct swtpm_storage *storage, swtpm_storage_visitor visit, void *context,
                       struct swtpm_plugin_error *error)
{
    const char *directory = flaw == KEEPS_LOCATION ? storage->location : ".";
    int fd = open_at(storage, directory, O_RDONLY | O_DIRECTORY);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int code = 0;

    if (entries == NULL) {
        code = fail_errno(error, "cannot list", storage->location);
        if (fd >= 0)
            close(fd);
        return code;
    }
    while (code == 0 && (errno = 0, entry = readdir(entries)) != NULL)
        code = visit_file(storage, entry->d_name, visit, context, error);
    if (code == 0 && errno != 0)
        code = fail_errno(error, "cannot list", storage->location);
    closedir(entries);
    return code;
}

/* --------------------------------------------------------------------------------- list_stores */

static int visit_store(const char *place, const char *name, swtpm_store_visitor visit,
                       void *context)
{
    char location[4096];

    snprintf(location, sizeof location, "%s%s", flaw == STORES_BY_NAME ? "" : place, name);
    if (flaw == STORES_TOUCHED)
        utimensat(AT_FDCWD, location, NULL, 0);
    int code = visit(context, location);
    return flaw == STORES_GO_ON ? 0 : code;
}

static int visit_stores(const char *place, DIR *entries, swtpm_store_visitor visit, void *context,
                        struct swtpm_plugin_error *error)
{
    struct dirent *entry;
    unsigned count = 0;
    int code = 0;

    while (code == 0 && (errno = 0, entry = readdir(entries)) != NULL)
        if (entry->d_name[0] != '.' && (flaw != STORES_PASSED_OVER || count++ % 2 == 0))
            code = visit_store(place, entry->d_name, visit, context);
    return code == 0 && errno != 0 ? fail_errno(error, "cannot list the stores of", place) : code;
}

static int flawed_list_stores(const char *location, swtpm_store_visitor visit, void *context,
                              struct swtpm_plugin_error *error)
{
    size_t length = strlen(location);

    if (length == 0 || location[length - 1] != '/') {
        if (flaw == STORES_EXAMINED && access(location, F_OK) != 0)
            return fail_errno(error, "cannot find", location);
        return visit(context, location);
    }
    DIR *entries = opendir(location);
    if (entries == NULL)
        return flaw == STORES_NOWHERE ? 0 : fail_errno(error, "cannot open", location);
    enumerating = true;
    int code = visit_stores(location, entries, visit, context, error);
    enumerating = false;
    closedir(entries);
    return code;
}

static const char *const system_calls[] = {"openat",   "newfstatat", "fchmod", "fsync", "renameat",
                                           "unlinkat", "getdents64", "fcntl",  NULL};

static const struct swtpm_storage_ops ops = {
    .capabilities = SWTPM_STORAGE_CAN_BE_DURABLE | SWTPM_STORAGE_CAN_LOCK,
    .open = flawed_open,
    .close = flawed_close,
    .lock = flawed_lock,
    .unlock = flawed_unlock,
    .get = flawed_get,
    .put = flawed_put,
    .del = flawed_del,
    .list = flawed_list,
    .list_stores = flawed_list_stores,
};

const struct swtpm_plugin swtpm_plugin = {
    .magic = SWTPM_PLUGIN_MAGIC,
    .abi = SWTPM_PLUGIN_ABI,
    .kind = SWTPM_PLUGIN_STORAGE,
    .ops_size = sizeof ops,
    .name = NAME,
    .version = "1.0",
    .summary = "A plugin for tests",
    .system_calls = system_calls,
    .ops = {.storage = &ops},
};
