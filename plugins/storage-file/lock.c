/* SPDX-License-Identifier: BSD-3-Clause */
#include "storage_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/failure.h"

/*
 * The lock is a write lock on the file itself: an open file description lock, which belongs to the
 * handle and not to the process, and conflicts with the POSIX record locks of other programs
 * (fcntl(2)).  The kernel does not tell who holds such a lock.  So the holder also has a POSIX
 * lock, on one byte behind those of the lock proper: it excludes nobody, but the kernel knows its
 * pid.  It is lost when the process closes another descriptor of the file, and then only the
 * message is poorer.
 */

#define MARKER_POSITION ((off_t)1 << 62)

static struct flock lock_range(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_len = MARKER_POSITION};
}

static struct flock marker_range(short type)
{
    return (struct flock){
        .l_type = type, .l_whence = SEEK_SET, .l_start = MARKER_POSITION, .l_len = 1};
}

static void set_marker(const struct swtpm_storage *storage, short type)
{
    struct flock marker = marker_range(type);
    fcntl(storage->fd, F_SETLK, &marker);
}

/* Who has a lock like this one; 0 if that cannot be known. */
static pid_t find_holder(const struct swtpm_storage *storage, struct flock lock)
{
    bool found = fcntl(storage->fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    return found && lock.l_pid > 0 ? lock.l_pid : 0;
}

static int report_holder(const struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    pid_t pid = find_holder(storage, lock_range(F_WRLCK));
    if (pid == 0)
        pid = find_holder(storage, marker_range(F_WRLCK));
    if (pid != 0)
        return plugin_fail(error, SWTPM_PLUGIN_BUSY,
                           "'%s' is locked by process %d; stop it, or use another file",
                           storage->path, pid);
    return plugin_fail(error, SWTPM_PLUGIN_BUSY,
                       "'%s' is locked by another process; stop it, or use another file",
                       storage->path);
}

int storage_file_check_place(const struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    struct stat status;

    int result = fstatat(storage->directory_fd, storage->name, &status, AT_SYMLINK_NOFOLLOW);
    if (result != 0 && errno != ENOENT)
        return plugin_fail_errno(error, errno, "cannot examine '%s'", storage->path);
    if (result == 0 && status.st_dev == storage->device && status.st_ino == storage->inode)
        return SWTPM_PLUGIN_OK;
    return plugin_fail(error, SWTPM_PLUGIN_FENCED,
                       "'%s' was removed or replaced while it was open, so another process may own "
                       "this state now; start again",
                       storage->path);
}

int storage_file_lock(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    struct flock lock = lock_range(F_WRLCK);

    if (storage->read_only)
        return plugin_fail(error, SWTPM_PLUGIN_DENIED, "'%s' was opened for reading only",
                           storage->path);
    if (storage->locked)
        return storage_file_check_place(storage, error);
    if (TEMP_FAILURE_RETRY(fcntl(storage->fd, F_OFD_SETLK, &lock)) != 0) {
        if (errno == EAGAIN || errno == EACCES)
            return report_holder(storage, error);
        return plugin_fail_errno(error, errno, "cannot lock '%s'", storage->path);
    }
    storage->locked = true;
    int code = storage_file_check_place(storage, error);
    if (code == SWTPM_PLUGIN_OK)
        set_marker(storage, F_RDLCK);
    else
        storage_file_unlock(storage, NULL);
    return code;
}

int storage_file_unlock(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    struct flock unlock = lock_range(F_UNLCK);

    (void)error;
    if (!storage->locked)
        return SWTPM_PLUGIN_OK;
    set_marker(storage, F_UNLCK);
    fcntl(storage->fd, F_OFD_SETLK, &unlock);
    storage->locked = false;
    return SWTPM_PLUGIN_OK;
}
