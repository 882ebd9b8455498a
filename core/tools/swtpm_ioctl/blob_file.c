/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_ioctl/blob_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/file.h"
#include "util/number.h"

#define TEMPORARY_SUFFIX ".XXXXXX"

static int refuse_path(const char *doing, const char *path, struct error *error)
{
    error_set(error, "cannot %s '%s': %s", doing, path, strerror(errno));
    return -1;
}

/* -------------------------------------------------------------------------------- writing ----- */

/* The open descriptor that a path stands for; -1 if it is any other path. */
static int descriptor_of(const char *path)
{
    static const char directory[] = "/dev/fd/";
    uint64_t descriptor;

    if (strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    if (strncmp(path, directory, strlen(directory)) == 0 &&
        number_parse(path + strlen(directory), 10, INT_MAX, &descriptor) == 0)
        return (int)descriptor;
    return -1;
}

/* rename(2) is durable once the directory is. */
static int sync_directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    char *directory = size == 0 ? strdup(".") : strndup(path, size);
    int fd = directory == NULL ? -1 : open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    free(directory);
    if (fd < 0)
        return -1;
    int status = (int)TEMP_FAILURE_RETRY(fsync(fd));
    close(fd);
    return status;
}

static int fill(int fd, const struct buffer *blob)
{
    return file_write_all(fd, blob->data, blob->size) == 0 && TEMP_FAILURE_RETRY(fsync(fd)) == 0
               ? 0
               : -1;
}

static int replace(const char *path, const struct buffer *blob, struct error *error)
{
    char temporary[PATH_MAX];

    if (strlen(path) + sizeof TEMPORARY_SUFFIX > sizeof temporary) {
        error_set(error, "the path '%s' is too long", path);
        return -1;
    }
    stpcpy(stpcpy(temporary, path), TEMPORARY_SUFFIX);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        error_set(error, "cannot make a temporary file beside '%s': %s", path, strerror(errno));
        return -1;
    }
    int status = fill(fd, blob);
    if (file_close_written(fd) != 0 || status != 0 || rename(temporary, path) != 0) {
        refuse_path("write", path, error);
        unlink(temporary);
        return -1;
    }
    return sync_directory_of(path) == 0 ? 0 : refuse_path("make durable", path, error);
}

static int write_in_place(const char *path, const struct buffer *blob, struct error *error)
{
    int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return refuse_path("open", path, error);
    int status = file_write_all(fd, blob->data, blob->size);
    if (status != 0)
        refuse_path("write to", path, error);
    close(fd);
    return status;
}

int blob_file_write(const char *path, const struct buffer *blob, struct error *error)
{
    struct stat there;
    int descriptor = descriptor_of(path);

    if (descriptor >= 0)
        return file_write_all(descriptor, blob->data, blob->size) == 0
                   ? 0
                   : refuse_path("write to", path, error);
    if (lstat(path, &there) != 0)
        return errno == ENOENT ? replace(path, blob, error) : refuse_path("write", path, error);
    if (S_ISLNK(there.st_mode)) {
        error_set(error, "'%s' is a symbolic link, which is not followed here; name the file "
                         "itself", path);
        return -1;
    }
    if (S_ISDIR(there.st_mode)) {
        errno = EISDIR;
        return refuse_path("write", path, error);
    }
    return S_ISREG(there.st_mode) ? replace(path, blob, error) : write_in_place(path, blob, error);
}

/* -------------------------------------------------------------------------------- reading ----- */

int blob_file_read(const char *path, size_t limit, struct buffer *blob, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return refuse_path("open", path, error);
    int status = file_read_all(fd, path, limit, blob, error);
    close(fd);
    return status;
}
