/* SPDX-License-Identifier: BSD-3-Clause */
#include "seal.h"

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "directory.h"

#define SEAL_OFFSET (INT64_MAX - 1)

static bool set_lock(const struct seal *seal, short type)
{
    struct flock lock = {
        .l_type = type, .l_whence = SEEK_SET, .l_start = SEAL_OFFSET, .l_len = 1};

    return fcntl(seal->fd, F_OFD_SETLK, &lock) == 0;
}

bool seal_join(struct seal *seal, const char *directory)
{
    seal->fd = directory_open_entry(directory, DIRECTORY_TPM_LOCK_FILE, O_RDWR);
    if (seal->fd < 0 || set_lock(seal, F_WRLCK))
        return false;
    /* Not to be had while somebody checks. */
    return set_lock(seal, F_RDLCK);
}

void seal_set(const struct seal *seal)
{
    if (seal->fd >= 0)
        set_lock(seal, F_RDLCK);
}

void seal_release(struct seal *seal)
{
    if (seal->fd >= 0)
        close(seal->fd);
    seal->fd = -1;
}
