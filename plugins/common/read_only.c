/* SPDX-License-Identifier: BSD-3-Clause */
#include "read_only.h"

#include <errno.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

int read_only_error(int fd)
{
    struct statfs status;

    if (TEMP_FAILURE_RETRY(fstatfs(fd, &status)) != 0)
        return errno;
    return (status.f_flags & ST_RDONLY) != 0 ? EROFS : 0;
}
