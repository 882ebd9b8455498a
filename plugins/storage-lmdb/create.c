/* SPDX-License-Identifier: BSD-3-Clause */
#include "create.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lmdb.h>

#include "../common/failure.h"
#include "directory.h"
#include "record.h"
#include "result.h"

#define NEW(name) name ".new"

/* Bytes of lock.mdb: a head of four cache lines and a line for each reader (LMDB's mdb.c). */
enum { LIBRARY_LOCK_SIZE = 64 * (4 + DIRECTORY_READERS) };

static bool exists(int fd, const char *name)
{
    struct stat status;
    return fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What root makes in another user's directory is given to that user: a tool that root runs must not
 * lock out a daemon with fewer rights.  Where not even root may give files away, they stay
 * root's. */
static void adopt(int directory, int file)
{
    struct stat status;

    if (geteuid() != 0 || fstat(directory, &status) != 0 || status.st_uid == 0)
        return;
    int ignored = fchown(file, status.st_uid, status.st_gid);
    (void)ignored;
}

/* A descriptor of a file made here, with that very mode, or -1 with errno. */
static int open_new(int fd, const char *name, mode_t mode)
{
    int file = (int)TEMP_FAILURE_RETRY(
        openat(fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file < 0)
        return -1;
    adopt(fd, file);
    if (fchmod(file, mode) != 0) {
        int saved = errno;
        close(file);
        unlinkat(fd, name, 0);
        errno = saved;
        return -1;
    }
    return file;
}

static int open_tpm_lock_file(int fd, mode_t mode)
{
    enum { TRIES = 3 };
    int file = -1;

    /* Between the two calls the file can appear, or go. */
    for (int i = 0; i < TRIES && file < 0; i++) {
        file = (int)TEMP_FAILURE_RETRY(openat(fd, DIRECTORY_TPM_LOCK_FILE,
                                         O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
        if (file < 0 && errno == ENOENT)
            file = open_new(fd, DIRECTORY_TPM_LOCK_FILE, mode);
        if (file < 0 && errno != EEXIST && errno != ENOENT)
            break;
    }
    return file;
}

/* Closing the descriptor, or dying, gives the lock back. */
static int wait_for_creation_lock(int file)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    int status;

    do
        status = fcntl(file, F_OFD_SETLKW, &lock) == 0 ? 0 : errno;
    while (status == EINTR);
    return status;
}

static int write_zeros(int file, size_t size)
{
    static const char zeros[4096];

    while (size > 0) {
        ssize_t put = write(file, zeros, size < sizeof zeros ? size : sizeof zeros);
        if (put < 0 && errno != EINTR)
            return errno;
        if (put > 0)
            size -= (size_t)put;
    }
    return 0;
}

/* LMDB would make a sparse file; a first write to one of its holes on a full disk is a SIGBUS. */
static int create_library_lock_file(int fd, const char *directory, mode_t mode)
{
    (void)directory;
    int file = open_new(fd, NEW(DIRECTORY_LIBRARY_LOCK_FILE), mode);
    if (file < 0)
        return errno;
    int status = write_zeros(file, LIBRARY_LOCK_SIZE);
    if (status == 0 && TEMP_FAILURE_RETRY(fsync(file)) != 0)
        status = errno;
    close(file);
    return status;
}

static int write_format(MDB_env *library)
{
    MDB_txn *transaction;
    MDB_dbi records;
    int status = mdb_txn_begin(library, NULL, 0, &transaction);

    if (status != 0)
        return status;
    status = mdb_dbi_open(transaction, NULL, 0, &records);
    if (status == 0)
        status = record_format_write(transaction, records);
    if (status == 0)
        return mdb_txn_commit(transaction);
    mdb_txn_abort(transaction);
    return status;
}

static int create_data_file(int fd, const char *directory, mode_t mode)
{
    char path[PATH_MAX];
    MDB_env *library;

    if (snprintf(path, sizeof path, "%s/%s", directory, NEW(DIRECTORY_DATA_FILE)) >=
        (int)sizeof path)
        return ENAMETOOLONG;
    int file = open_new(fd, NEW(DIRECTORY_DATA_FILE), mode);
    if (file < 0)
        return errno;
    close(file);
    int status = mdb_env_create(&library);
    if (status != 0)
        return status;
    status = mdb_env_open(library, path, MDB_NOSUBDIR | MDB_NOLOCK, mode);
    if (status == 0)
        status = write_format(library);
    mdb_env_close(library);
    return status;
}

static int create_if_missing(int fd, const char *directory, mode_t mode, const char *name,
                             const char *new_name,
                             int (*create)(int fd, const char *directory, mode_t mode),
                             struct swtpm_plugin_error *error)
{
    if (exists(fd, name))
        return 0;
    if (unlinkat(fd, new_name, 0) != 0 && errno != ENOENT)
        return result_fail_status(error, errno, "cannot remove the left-over '%s/%s'", directory,
                                  new_name);
    int status = create(fd, directory, mode);
    if (status == 0 && renameat(fd, new_name, fd, name) != 0)
        status = errno;
    if (status == 0 && TEMP_FAILURE_RETRY(fsync(fd)) != 0)
        status = errno;
    if (status == 0)
        return 0;
    unlinkat(fd, new_name, 0);
    return result_fail_status(error, status, "cannot make '%s/%s'", directory, name);
}

static int create_missing(int fd, const char *directory, mode_t mode, bool create,
                          struct swtpm_plugin_error *error)
{
    int result =
        create_if_missing(fd, directory, mode, DIRECTORY_LIBRARY_LOCK_FILE,
                          NEW(DIRECTORY_LIBRARY_LOCK_FILE), create_library_lock_file, error);
    if (result == 0 && create)
        result = create_if_missing(fd, directory, mode, DIRECTORY_DATA_FILE,
                                   NEW(DIRECTORY_DATA_FILE), create_data_file, error);
    return result;
}

int create_files(int fd, const char *directory, mode_t mode, bool create,
                 struct swtpm_plugin_error *error)
{
    if (!create && !exists(fd, DIRECTORY_DATA_FILE))
        return plugin_fail(error, SWTPM_PLUGIN_NOT_FOUND, "there is no LMDB environment in '%s'",
                           directory);
    if (exists(fd, DIRECTORY_DATA_FILE) && exists(fd, DIRECTORY_LIBRARY_LOCK_FILE) &&
        exists(fd, DIRECTORY_TPM_LOCK_FILE))
        return 0;
    int file = open_tpm_lock_file(fd, mode);
    if (file < 0)
        return result_fail_status(error, errno, "cannot open '%s/%s'", directory,
                                  DIRECTORY_TPM_LOCK_FILE);
    int result;
    int status = wait_for_creation_lock(file);
    if (status != 0)
        result = result_fail_status(error, status, "cannot lock '%s/%s'", directory,
                                    DIRECTORY_TPM_LOCK_FILE);
    else
        result = create_missing(fd, directory, mode, create, error);
    close(file);
    return result;
}
