/* SPDX-License-Identifier: BSD-3-Clause */
#include "storage_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../common/failure.h"

/*
 * The lock is a write lock on the file ".lock", which the original locks too: an open file
 * description lock, which belongs to the handle and not to the process, and conflicts with the
 * POSIX record locks of other programs (fcntl(2)).  The kernel does not tell who holds such a lock;
 * so the holder writes its pid into the file, whose contents matter to nobody else.
 */

#define LOCK_NAME ".lock"

enum {
    LOCK_MODE = 0660,
    /* How often the file may be exchanged while we take the lock. */
    LOCK_TRIES = 8,
    PID_TEXT_SIZE = 12 /* always the same, so that nothing is left of a longer one */
};

static struct flock whole_file(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
}

static int open_lock_file(const struct swtpm_storage *storage)
{
    int fd = (int)TEMP_FAILURE_RETRY(openat(
        storage->fd, LOCK_NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (fd >= 0 || errno != ENOENT)
        return fd;
    return storage_dir_make_file(storage, LOCK_NAME, LOCK_MODE);
}

/* --------------------------------------------------------------------------- the holder ------ */

static void write_pid(int fd)
{
    char text[PID_TEXT_SIZE + 1];

    snprintf(text, sizeof text, "%11d\n", getpid());
    /* It serves a message only; the lock is held without it. */
    ssize_t ignored = pwrite(fd, text, PID_TEXT_SIZE, 0);
    (void)ignored;
}

static long read_pid(int fd)
{
    char text[PID_TEXT_SIZE + 1] = "";

    if (pread(fd, text, PID_TEXT_SIZE, 0) != PID_TEXT_SIZE)
        return 0;
    return strtol(text, NULL, 10);
}

static int report_holder(const struct swtpm_storage *storage, int fd,
                         struct swtpm_plugin_error *error)
{
    struct flock holder = whole_file(F_WRLCK);

    long pid = fcntl(fd, F_OFD_GETLK, &holder) == 0 ? holder.l_pid : 0;
    if (pid < 0)
        pid = read_pid(fd);
    if (pid > 0)
        return plugin_fail(error, SWTPM_PLUGIN_BUSY,
                           "'%s/" LOCK_NAME "' is locked by process %ld; stop it, or use "
                           "another directory", storage->path, pid);
    return plugin_fail(error, SWTPM_PLUGIN_BUSY,
                       "'%s/" LOCK_NAME "' is locked by another process; stop it, or use "
                       "another directory", storage->path);
}

/* ------------------------------------------------------------------------ taking the lock ----- */

/* Takes the lock through `fd` and notes which file that is. */
static int lock_file(struct swtpm_storage *storage, int fd, struct swtpm_plugin_error *error)
{
    struct flock lock = whole_file(F_WRLCK);
    struct stat status;

    if (fstat(fd, &status) != 0)
        return plugin_fail_errno(error, errno, "cannot examine '%s/" LOCK_NAME "'",
                                 storage->path);
    if (!S_ISREG(status.st_mode))
        return plugin_fail(error, SWTPM_PLUGIN_DENIED,
                           "'%s/" LOCK_NAME "' is not a regular file; remove it",
                           storage->path);
    if (TEMP_FAILURE_RETRY(fcntl(fd, F_OFD_SETLK, &lock)) == 0) {
        storage->lock_device = status.st_dev;
        storage->lock_inode = status.st_ino;
        return SWTPM_PLUGIN_OK;
    }
    if (errno == EAGAIN || errno == EACCES)
        return report_holder(storage, fd, error);
    return plugin_fail_errno(error, errno, "cannot lock '%s/" LOCK_NAME "'", storage->path);
}

/* 0 if the lock file is still the one that was locked, ESTALE if it was removed or replaced, or
 * what kept us from looking. */
static int examine_lock_file(const struct swtpm_storage *storage)
{
    struct stat status;

    if (fstatat(storage->fd, LOCK_NAME, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? ESTALE : errno;
    bool same = status.st_dev == storage->lock_device && status.st_ino == storage->lock_inode;
    return same ? 0 : ESTALE;
}

/* The lock is the first thing that is written, so it is here that root without its capabilities
 * meets permissions that never stopped it before. */
static int report_unopened(const struct swtpm_storage *storage, int error_number,
                           struct swtpm_plugin_error *error)
{
    if (error_number == ELOOP)
        return plugin_fail(error, SWTPM_PLUGIN_DENIED,
                           "'%s/" LOCK_NAME "' is a symbolic link, which is not followed here; "
                           "remove it", storage->path);
    if (error_number != EACCES)
        return plugin_fail_errno(error, error_number, "cannot open '%s/" LOCK_NAME "'",
                                 storage->path);
    return plugin_fail(error, SWTPM_PLUGIN_DENIED,
                       "cannot open '%s/" LOCK_NAME "': Permission denied to uid %u in a "
                       "directory that belongs to uid %u; run as its owner, or change owner "
                       "or mode",
                       storage->path, (unsigned)storage->user, (unsigned)storage->owner);
}

/* One try.  Sets storage->lock_fd, or leaves it at -1 and succeeds if somebody else exchanged or
 * made the file meanwhile. */
static int try_lock(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    int fd = open_lock_file(storage);
    if (fd < 0 && errno == EEXIST)
        return SWTPM_PLUGIN_OK;
    if (fd < 0)
        return report_unopened(storage, errno, error);
    int code = lock_file(storage, fd, error);
    int changed = code == SWTPM_PLUGIN_OK ? examine_lock_file(storage) : 0;
    if (changed != 0 && changed != ESTALE)
        code = plugin_fail_errno(error, changed, "cannot examine '%s/" LOCK_NAME "'",
                                 storage->path);
    if (code != SWTPM_PLUGIN_OK || changed != 0) {
        close(fd);
        return code;
    }
    write_pid(fd);
    storage->lock_fd = fd;
    return SWTPM_PLUGIN_OK;
}

int storage_dir_lock(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    if (storage->read_only)
        return plugin_fail(error, SWTPM_PLUGIN_DENIED, "'%s' was opened for reading only",
                           storage->path);
    for (unsigned i = 0; i < LOCK_TRIES && storage->lock_fd < 0; i++) {
        int code = try_lock(storage, error);
        if (code != SWTPM_PLUGIN_OK)
            return code;
    }
    if (storage->lock_fd >= 0)
        return storage_dir_check_lock(storage, error);
    return plugin_fail(error, SWTPM_PLUGIN_BUSY,
                       "'%s/" LOCK_NAME "' is being made and removed by another process",
                       storage->path);
}

int storage_dir_unlock(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    struct flock unlock = whole_file(F_UNLCK);

    (void)error;
    if (storage->lock_fd < 0)
        return SWTPM_PLUGIN_OK;
    /* close alone would not do if a child of the host had inherited the descriptor. */
    fcntl(storage->lock_fd, F_OFD_SETLK, &unlock);
    close(storage->lock_fd);
    storage->lock_fd = -1;
    return SWTPM_PLUGIN_OK;
}

int storage_dir_check_lock(const struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    int changed = storage->lock_fd < 0 ? 0 : examine_lock_file(storage);

    if (changed == 0)
        return SWTPM_PLUGIN_OK;
    if (changed != ESTALE)
        return plugin_fail_errno(error, changed, "cannot examine '%s/" LOCK_NAME "'",
                                 storage->path);
    return plugin_fail(error, SWTPM_PLUGIN_FENCED,
                       "'%s/" LOCK_NAME "' was removed or replaced while it was locked, so "
                       "another process may own this state now; start again", storage->path);
}
