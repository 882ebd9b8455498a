/* SPDX-License-Identifier: BSD-3-Clause */
#include "storage_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A tool that root runs on the state of a daemon with fewer rights must leave files that the daemon
 * can open.  Where not even root may give files away, they stay root's. */
static void adopt(const struct swtpm_storage *storage, int fd)
{
    if (!storage->adopts)
        return;
    int ignored = fchown(fd, storage->owner, storage->group);
    (void)ignored;
}

int storage_dir_make_file(const struct swtpm_storage *storage, const char *name, mode_t mode)
{
    int fd = (int)TEMP_FAILURE_RETRY(openat(
        storage->fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (fd < 0)
        return -1;
    adopt(storage, fd);
    if (fchmod(fd, mode) == 0)
        return fd;

    int saved_errno = errno;
    close(fd);
    unlinkat(storage->fd, name, 0);
    errno = saved_errno;
    return -1;
}
