/* SPDX-License-Identifier: BSD-3-Clause */
#include "medium.h"

#include <errno.h>
#include <unistd.h>

#include "../common/failure.h"
#include "../common/read_only.h"

int medium_size(const struct swtpm_storage *storage, uint64_t *size,
                struct swtpm_plugin_error *error)
{
    /* fstat gives no size for a block device. */
    off_t end = lseek(storage->fd, 0, SEEK_END);
    if (end < 0)
        return plugin_fail_errno(error, errno, "cannot examine '%s'", storage->path);
    *size = (uint64_t)end;
    return SWTPM_PLUGIN_OK;
}

int medium_read(const struct swtpm_storage *storage, uint64_t position, void *to, size_t size,
                struct swtpm_plugin_error *error)
{
    char *rest = to;

    while (size > 0) {
        ssize_t got = TEMP_FAILURE_RETRY(pread(storage->fd, rest, size, (off_t)position));
        if (got < 0)
            return plugin_fail_errno(error, errno, "cannot read '%s'", storage->path);
        if (got == 0)
            return plugin_fail(error, SWTPM_PLUGIN_CORRUPT,
                               "'%s' became shorter while it was being read", storage->path);
        rest += got;
        size -= (size_t)got;
        position += (uint64_t)got;
    }
    return SWTPM_PLUGIN_OK;
}

int medium_write(const struct swtpm_storage *storage, uint64_t position, struct swtpm_bytes bytes,
                 struct swtpm_plugin_error *error)
{
    const char *rest = bytes.data;

    for (size_t size = bytes.size; size > 0;) {
        ssize_t put = TEMP_FAILURE_RETRY(pwrite(storage->fd, rest, size, (off_t)position));
        if (put < 0)
            return plugin_fail_errno(error, errno, "cannot write '%s'", storage->path);
        rest += put;
        size -= (size_t)put;
        position += (uint64_t)put;
    }
    return SWTPM_PLUGIN_OK;
}

int medium_sync(const struct swtpm_storage *storage, uint32_t flags,
                struct swtpm_plugin_error *error)
{
    if ((flags & SWTPM_STORAGE_DURABLE) == 0)
        return SWTPM_PLUGIN_OK;
    int status = TEMP_FAILURE_RETRY(fdatasync(storage->fd)) == 0 ? 0 : errno;
    /* Of a block device it would be the file system that holds its node. */
    if (status == 0 && !storage->is_device)
        status = read_only_error(storage->fd);
    if (status == 0)
        return SWTPM_PLUGIN_OK;
    return plugin_fail_errno(error, status, "cannot write '%s' to its medium", storage->path);
}

void medium_trim(const struct swtpm_storage *storage, uint64_t size)
{
    if (storage->is_device)
        return;
    int ignored = (int)TEMP_FAILURE_RETRY(ftruncate(storage->fd, (off_t)size));
    (void)ignored;
}
