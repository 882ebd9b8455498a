/* SPDX-License-Identifier: BSD-3-Clause */
#include "bare_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { SECTOR_SIZE = 512, PLACE_SIZE = 1 << 20 };

static int write_and_sync(int fd, const void *data, size_t size, bool durable)
{
    if (write(fd, data, size) != (ssize_t)size)
        return -1;
    return durable ? fsync(fd) : 0;
}

int bare_store_dir(int directory_fd, const void *data, size_t size, bool durable)
{
    int fd = openat(directory_fd, "TMP-bare", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return -1;
    int result = write_and_sync(fd, data, size, durable);
    if (close(fd) != 0 || result != 0)
        return -1;
    if (renameat(directory_fd, "TMP-bare", directory_fd, "bare") != 0)
        return -1;
    return durable ? fsync(directory_fd) : 0;
}

int bare_store_file(int fd, const void *data, size_t size, unsigned number, bool durable)
{
    static const char sector[SECTOR_SIZE];
    off_t place = SECTOR_SIZE + (off_t)(number % 2) * PLACE_SIZE;

    if (pwrite(fd, data, size, place) != (ssize_t)size || (durable && fdatasync(fd) != 0))
        return -1;
    if (pwrite(fd, sector, sizeof sector, 0) != sizeof sector)
        return -1;
    return durable ? fdatasync(fd) : 0;
}

int bare_store_lmdb(MDB_env *environment, MDB_dbi records, const void *data, size_t size,
                    bool durable)
{
    MDB_val key = {.mv_size = sizeof "bare", .mv_data = (void *)(uintptr_t)"bare"};
    MDB_val value = {.mv_size = size, .mv_data = (void *)(uintptr_t)data};
    MDB_txn *transaction;

    mdb_env_set_flags(environment, MDB_NOMETASYNC, !durable);
    errno = mdb_txn_begin(environment, NULL, 0, &transaction);
    if (errno != 0)
        return -1;
    errno = mdb_put(transaction, records, &key, &value, 0);
    if (errno != 0) {
        mdb_txn_abort(transaction);
        return -1;
    }
    errno = mdb_txn_commit(transaction);
    return errno == 0 ? 0 : -1;
}
