/* SPDX-License-Identifier: BSD-3-Clause */
#include "storage_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/failure.h"
#include "../common/value_name.h"

/* What a value's file has to be, whoever put it there. */
static int check_file(const struct swtpm_storage *storage, const char *name,
                      const struct stat *status, struct swtpm_plugin_error *error)
{
    if (S_ISLNK(status->st_mode))
        return plugin_fail(error, SWTPM_PLUGIN_DENIED,
                           "'%s/%s' is a symbolic link, which is not followed here; put the "
                           "file itself in its place",
                           storage->path, name);
    if (!S_ISREG(status->st_mode))
        return plugin_fail(error, SWTPM_PLUGIN_DENIED,
                           "'%s/%s' is not a regular file; remove it, or put the file in its place",
                           storage->path, name);
    if (status->st_size > SWTPM_STORAGE_VALUE_MAX)
        return plugin_fail(error, SWTPM_PLUGIN_CORRUPT,
                           "'%s/%s' has %jd bytes, more than the %u that a value can have",
                           storage->path, name, (intmax_t)status->st_size, SWTPM_STORAGE_VALUE_MAX);
    return SWTPM_PLUGIN_OK;
}

static int get_size(const struct swtpm_storage *storage, const char *name, size_t *size,
                    struct swtpm_plugin_error *error)
{
    struct stat status;

    if (fstatat(storage->fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return plugin_fail_errno(error, errno, "cannot examine '%s/%s'", storage->path, name);
    int code = check_file(storage, name, &status, error);
    if (code == SWTPM_PLUGIN_OK)
        *size = (size_t)status.st_size;
    return code;
}

static int read_exactly(const struct swtpm_storage *storage, const char *name, int fd, char *to,
                        size_t size, struct swtpm_plugin_error *error)
{
    while (size > 0) {
        ssize_t got = TEMP_FAILURE_RETRY(read(fd, to, size));
        if (got < 0)
            return plugin_fail_errno(error, errno, "cannot read '%s/%s'", storage->path, name);
        if (got == 0)
            return plugin_fail(error, SWTPM_PLUGIN_CORRUPT,
                               "'%s/%s' became shorter while it was being read", storage->path,
                               name);
        to += got;
        size -= (size_t)got;
    }
    return SWTPM_PLUGIN_OK;
}

/* Reads into memory of our own first: the caller's must stay as it is if the medium fails
 * half-way. */
static int read_value(const struct swtpm_storage *storage, const char *name, int fd, void *to,
                      size_t size, struct swtpm_plugin_error *error)
{
    if (size == 0)
        return SWTPM_PLUGIN_OK;
    char *contents = malloc(size);
    if (contents == NULL)
        return plugin_fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory for the %zu bytes of '%s/%s'",
                           size, storage->path, name);
    int code = read_exactly(storage, name, fd, contents, size, error);
    if (code == SWTPM_PLUGIN_OK)
        memcpy(to, contents, size);
    explicit_bzero(contents, size);
    free(contents);
    return code;
}

static int get_from_file(const struct swtpm_storage *storage, const char *name, int fd,
                         struct swtpm_buffer buffer, size_t *size, struct swtpm_plugin_error *error)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return plugin_fail_errno(error, errno, "cannot examine '%s/%s'", storage->path, name);
    int code = check_file(storage, name, &status, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    size_t value_size = (size_t)status.st_size;
    if (value_size > buffer.size)
        return plugin_fail(error, SWTPM_PLUGIN_TOO_SMALL, "'%s/%s' has %zu bytes, the buffer %zu",
                           storage->path, name, value_size, buffer.size);
    code = read_value(storage, name, fd, buffer.data, value_size, error);
    if (code == SWTPM_PLUGIN_OK)
        *size = value_size;
    return code;
}

int storage_dir_get(struct swtpm_storage *storage, const char *name, struct swtpm_buffer buffer,
                    size_t *size, struct swtpm_plugin_error *error)
{
    int code = value_name_check(name, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    if (buffer.size == 0)
        return get_size(storage, name, size, error);

    /* O_NONBLOCK: a FIFO in the place of a value must not stop us. */
    int fd = (int)TEMP_FAILURE_RETRY(openat(
        storage->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (fd < 0 && errno == ELOOP)
        return get_size(storage, name, size, error);
    if (fd < 0)
        return plugin_fail_errno(error, errno, "cannot open '%s/%s'", storage->path, name);
    code = get_from_file(storage, name, fd, buffer, size, error);
    close(fd);
    return code;
}
