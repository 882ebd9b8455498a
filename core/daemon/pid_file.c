/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/file.h"

enum { PID_FILE_MODE = 0644 };

static int fail(struct error *error, const char *doing, const char *path)
{
    error_set(error, "option --pid: cannot %s '%s': %s", doing, path, strerror(errno));
    return -1;
}

static int take_descriptor(struct pid_file *file, int fd, struct error *error)
{
    struct stat status;
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
        error_set(error, "option --pid: file descriptor %d is not open for writing", fd);
        return -1;
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        error_set(error, "option --pid: file descriptor %d is not a regular file", fd);
        return -1;
    }
    file->fd = fd;
    return 0;
}

static int open_directory(struct pid_file *file, const char *path, struct error *error)
{
    const char *name;

    file->directory = file_open_parent(path, &name, error);
    if (file->directory < 0) {
        error_prefix(error, "option --pid: ");
        return -1;
    }
    file->name = strdup(name);
    if (file->name != NULL)
        return 0;
    error_set(error, "option --pid: no memory");
    return -1;
}

static int refuse_running(int fd, const char *path, struct error *error)
{
    char pid[16] = "";
    ssize_t size = pread(fd, pid, sizeof pid - 1, 0);
    size_t digits = size > 0 ? strspn(pid, "0123456789") : 0;

    error_set(error,
              "option --pid: '%s' is the pid file of a running daemon%s%.*s; choose another "
              "file or end that daemon",
              path, digits > 0 ? ", process " : "", (int)digits, pid);
    return -1;
}

/* Whether the name has gone or leads to another file by now.  False if the directory may not be
 * searched. */
static bool is_renamed(const struct pid_file *file, int fd)
{
    struct stat opened;
    struct stat named;

    if (fstatat(file->directory, file->name, &named, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT;
    return fstat(fd, &opened) == 0 &&
           (opened.st_dev != named.st_dev || opened.st_ino != named.st_ino);
}

/* A mistyped path must not cost the user a file. */
static int check_holds_pid(int fd, const char *path, struct error *error)
{
    char text[32];

    ssize_t size = pread(fd, text, sizeof text, 0);
    if (size < 0)
        return fail(error, "read", path);
    if ((size_t)size < sizeof text) {
        text[size] = '\0';
        if (strspn(text, "0123456789 \n") == (size_t)size)
            return 0;
    }
    error_set(error, "option --pid: '%s' exists and holds something else than a process id; "
                     "remove it or choose another path", path);
    return -1;
}

/* Removes what a dead daemon left.  The lock is tried first: whoever holds it is alive. */
static int remove_stale(const struct pid_file *file, const char *path, struct error *error)
{
    struct stat status;

    if (fstatat(file->directory, file->name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : fail(error, "look at", path);
    if (!S_ISREG(status.st_mode)) {
        error_set(error,
                  "option --pid: '%s' exists and is not a regular file; choose another "
                  "path",
                  path);
        return -1;
    }
    int fd = (int)TEMP_FAILURE_RETRY(openat(file->directory, file->name,
                                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (fd < 0)
        return fail(error, "open", path);
    int result;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        result = refuse_running(fd, path, error);
    else if (check_holds_pid(fd, path, error) != 0)
        result = -1;
    else if (!is_renamed(file, fd) && unlinkat(file->directory, file->name, 0) != 0)
        result = fail(error, "replace", path);
    else
        result = 0;
    close(fd);
    return result;
}

static int create(struct pid_file *file, const char *path, struct error *error)
{
    file->fd = (int)TEMP_FAILURE_RETRY(openat(file->directory, file->name,
                                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                         PID_FILE_MODE));
    if (file->fd < 0)
        return fail(error, "create", path);
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0 || fchmod(file->fd, PID_FILE_MODE) != 0)
        return fail(error, "lock", path);
    return 0;
}

int pid_file_open(struct pid_file *file, const char *path, int fd, struct error *error)
{
    struct pid_file opened = {.fd = -1, .directory = -1};
    int result;

    if (path != NULL)
        result = open_directory(&opened, path, error) != 0 ||
                         remove_stale(&opened, path, error) != 0 ||
                         create(&opened, path, error) != 0
                     ? -1
                     : 0;
    else
        result = fd >= 0 ? take_descriptor(&opened, fd, error) : 0;
    if (result != 0)
        pid_file_close(&opened);
    *file = opened;
    return result;
}

int pid_file_write(const struct pid_file *file, struct error *error)
{
    char line[32];

    if (file->fd < 0)
        return 0;
    int size = snprintf(line, sizeof line, "%ld\n", (long)getpid());
    if (TEMP_FAILURE_RETRY(ftruncate(file->fd, 0)) != 0 || lseek(file->fd, 0, SEEK_SET) != 0 ||
        file_write_all(file->fd, line, (size_t)size) != 0) {
        error_set(error, "option --pid: cannot write the process id: %s", strerror(errno));
        return -1;
    }
    return 0;
}

void pid_file_remove(const struct pid_file *file)
{
    if (file->name == NULL || is_renamed(file, file->fd))
        return;
    if (unlinkat(file->directory, file->name, 0) != 0) {
        /* Empties it instead: the kernel gives the number in it to another process one day.  If
         * that fails too, there is nothing left to do. */
        int ignored = (int)TEMP_FAILURE_RETRY(ftruncate(file->fd, 0));
        (void)ignored;
    }
}

void pid_file_close(struct pid_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    if (file->directory >= 0)
        close(file->directory);
    free(file->name);
    *file = (struct pid_file){.fd = -1, .directory = -1};
}
