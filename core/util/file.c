/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int set_mode_if_new(int fd, const char *path, int flags, mode_t mode, struct error *error)
{
    if ((flags & O_EXCL) == 0 || fchmod(fd, mode) == 0)
        return 0;
    error_set(error, "cannot set the mode of '%s' to %#o: %s", path, (unsigned)mode,
              strerror(errno));
    return -1;
}

static int open_once(int directory, const char *name, int flags, mode_t mode)
{
    return (int)TEMP_FAILURE_RETRY(openat(
        directory, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode));
}

/* Making and opening are two calls, so that only a file made here gets `mode`. */
static int open_or_create(int directory, const char *name, int *flags, mode_t mode)
{
    if ((*flags & O_CREAT) == 0 || (*flags & O_EXCL) != 0)
        return open_once(directory, name, *flags, mode);
    int fd = open_once(directory, name, *flags & ~O_CREAT, 0);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    *flags |= O_EXCL;
    return open_once(directory, name, *flags, mode);
}

int file_open_at(int directory, const char *name, const char *path, int flags, mode_t mode,
                 struct error *error)
{
    int fd = open_or_create(directory, name, &flags, mode);
    if (fd < 0 && errno == ELOOP) {
        error_set(error, "'%s' is a symbolic link, which is not followed here; name the file "
                         "itself", path);
        return -1;
    }
    if (fd < 0) {
        error_set(error, "cannot open '%s': %s", path, strerror(errno));
        return -1;
    }
    if (set_mode_if_new(fd, path, flags, mode, error) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int file_open(const char *path, int flags, mode_t mode, struct error *error)
{
    return file_open_at(AT_FDCWD, path, path, flags, mode, error);
}

int file_open_parent(const char *path, const char **name, struct error *error)
{
    const char *slash = strrchr(path, '/');
    *name = slash != NULL ? slash + 1 : path;
    char *parent = slash != NULL ? strndup(path, (size_t)(*name - path)) : strdup(".");
    if (parent == NULL) {
        error_set(error, "no memory to open the directory of '%s'", path);
        return -1;
    }
    int fd = (int)TEMP_FAILURE_RETRY(open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
        error_set(error, "cannot open the directory of '%s': %s", path, strerror(errno));
    free(parent);
    return fd;
}

static ssize_t read_retrying(int fd, void *to, size_t size)
{
    ssize_t got;
    do
        got = read(fd, to, size);
    while (got < 0 && errno == EINTR);
    return got;
}

int file_read_all(int fd, const char *name, size_t limit, struct buffer *contents,
                  struct error *error)
{
    enum { CHUNK = 4096 };
    size_t before = contents->size;

    for (;;) {
        if (contents->capacity - contents->size < CHUNK &&
            buffer_reserve(contents, contents->size + contents->size / 2 + CHUNK) != 0) {
            error_set(error, "no memory to read '%s'", name);
            break;
        }
        ssize_t got = read_retrying(fd, contents->data + contents->size, CHUNK);
        if (got == 0)
            return 0;
        if (got < 0) {
            error_set(error, "cannot read '%s': %s", name, strerror(errno));
            break;
        }
        contents->size += (size_t)got;
        if (contents->size - before > limit) {
            error_set(error, "'%s' is longer than the %zu bytes allowed here", name, limit);
            break;
        }
    }
    if (contents->data != NULL)
        explicit_bzero(contents->data, contents->capacity);
    contents->size = 0;
    return -1;
}

int file_write_all(int fd, const void *data, size_t size)
{
    const char *rest = data;
    while (size > 0) {
        ssize_t put = write(fd, rest, size);
        if (put < 0 && errno != EINTR)
            return -1;
        if (put > 0) {
            rest += put;
            size -= (size_t)put;
        }
    }
    return 0;
}

int file_close_written(int fd)
{
    return close(fd) != 0 && errno != EINTR ? -1 : 0;
}
