/* SPDX-License-Identifier: BSD-3-Clause */
#include "storage_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../common/failure.h"
#include "../common/value_name.h"

enum { TEMPORARY_NAME_SIZE = SWTPM_STORAGE_NAME_MAX + sizeof "TMP-" };

/* TMP-00.permall for tpm-00.permall, TMP2-00.permall for tpm2-00.permall as the original has it,
 * TMP-NAME for every other name.  In capitals, so it is no value's name. */
static void make_temporary_name(char temporary[TEMPORARY_NAME_SIZE], const char *name)
{
    if (strncmp(name, "tpm-", 4) == 0 || strncmp(name, "tpm2-", 5) == 0)
        snprintf(temporary, TEMPORARY_NAME_SIZE, "TMP%s", name + 3);
    else
        snprintf(temporary, TEMPORARY_NAME_SIZE, "TMP-%s", name);
}

static int check_write(const struct swtpm_storage *storage, const char *name,
                       struct swtpm_plugin_error *error)
{
    int code = value_name_check(name, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    if (storage->read_only)
        return plugin_fail(error, SWTPM_PLUGIN_DENIED, "'%s' was opened for reading only",
                           storage->path);
    return storage_dir_check_lock(storage, error);
}

/* Makes sure that the medium has the directory's entries, if the flags ask for that. */
static int sync_directory(const struct swtpm_storage *storage, uint32_t flags,
                          struct swtpm_plugin_error *error)
{
    if ((flags & SWTPM_STORAGE_DURABLE) == 0 || TEMP_FAILURE_RETRY(fsync(storage->fd)) == 0)
        return SWTPM_PLUGIN_OK;
    return plugin_fail_errno(error, errno, "cannot write the directory '%s' to its medium",
                             storage->path);
}

/* ---------------------------------------------------------------------------------- put ------ */

/* What an interrupted put left behind is removed first. */
static int make_temporary(const struct swtpm_storage *storage, const char *temporary)
{
    int fd = storage_dir_make_file(storage, temporary, storage->mode);
    if (fd >= 0 || errno != EEXIST)
        return fd;
    if (unlinkat(storage->fd, temporary, 0) != 0 && errno != ENOENT)
        return -1;
    return storage_dir_make_file(storage, temporary, storage->mode);
}

static int write_all(int fd, struct swtpm_bytes value)
{
    const char *rest = value.data;
    size_t size = value.size;

    while (size > 0) {
        ssize_t put = TEMP_FAILURE_RETRY(write(fd, rest, size));
        if (put < 0)
            return -1;
        rest += put;
        size -= (size_t)put;
    }
    return 0;
}

/* Writes, syncs and closes.  0, or -1 with errno; `fd` is closed in any case. */
static int fill_temporary(int fd, struct swtpm_bytes value, uint32_t flags)
{
    int result = write_all(fd, value);
    if (result == 0 && (flags & SWTPM_STORAGE_DURABLE) != 0)
        result = (int)TEMP_FAILURE_RETRY(fsync(fd));
    int saved_errno = errno;
    /* A network file system may report only here that it has no room. */
    if (close(fd) != 0 && result == 0 && errno != EINTR)
        return -1;
    errno = saved_errno;
    return result;
}

/* ENOENT does not mean a missing value here: the directory itself has been removed. */
static int fail_put(const struct swtpm_storage *storage, const char *what, const char *name,
                    struct swtpm_plugin_error *error)
{
    int code = plugin_fail_errno(error, errno, "cannot %s '%s/%s'", what, storage->path, name);
    return code == SWTPM_PLUGIN_NOT_FOUND ? SWTPM_PLUGIN_IO : code;
}

int storage_dir_put(struct swtpm_storage *storage, const char *name, struct swtpm_bytes value,
                    uint32_t flags, struct swtpm_plugin_error *error)
{
    char temporary[TEMPORARY_NAME_SIZE];

    int code = check_write(storage, name, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    if (value.size > SWTPM_STORAGE_VALUE_MAX)
        return plugin_fail(error, SWTPM_PLUGIN_INVALID,
                           "'%s/%s' cannot have %zu bytes; a value has at most %u",
                           storage->path, name, value.size, SWTPM_STORAGE_VALUE_MAX);
    make_temporary_name(temporary, name);
    int fd = make_temporary(storage, temporary);
    if (fd < 0)
        return fail_put(storage, "make", temporary, error);
    if (fill_temporary(fd, value, flags) != 0) {
        code = fail_put(storage, "write", temporary, error);
        goto remove;
    }
    if (renameat(storage->fd, temporary, storage->fd, name) != 0) {
        code = fail_put(storage, "replace", name, error);
        goto remove;
    }
    return sync_directory(storage, flags, error);

remove:
    unlinkat(storage->fd, temporary, 0);
    return code;
}

/* ---------------------------------------------------------------------------------- del ------ */

int storage_dir_del(struct swtpm_storage *storage, const char *name, uint32_t flags,
                    struct swtpm_plugin_error *error)
{
    int code = check_write(storage, name, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    if (unlinkat(storage->fd, name, 0) != 0)
        return plugin_fail_errno(error, errno, "cannot remove '%s/%s'", storage->path, name);
    return sync_directory(storage, flags, error);
}
