/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/secret_memory.h"
#include "util/file.h"
#include "util/log.h"

/* The part of the parameters that says where to read. */
struct source {
    const char *path; /* NULL: see fd */
    int fd;
};

static int choose_source(const struct key_parameters *parameters, struct source *source,
                         struct error *error)
{
    int sources = (parameters->file != NULL) + (parameters->password_file != NULL) +
                  (parameters->fd >= 0) + (parameters->password_fd >= 0);
    if (sources != 1) {
        error_set(error, "option %s: give one of file=, fd=, pwdfile= and pwdfd=",
                  parameters->option);
        return -1;
    }
    source->path = parameters->file != NULL ? parameters->file : parameters->password_file;
    source->fd = parameters->fd >= 0 ? parameters->fd : parameters->password_fd;
    if (parameters->remove && source->path == NULL) {
        error_set(error, "option %s: remove needs a file= or pwdfile=; a file descriptor has no "
                         "name to remove", parameters->option);
        return -1;
    }
    return 0;
}

static const char *descriptor_option(const struct key_parameters *parameters)
{
    return parameters->file != NULL ? "fd=" : "pwdfd=";
}

static void warn_if_public(const struct key_parameters *parameters, const char *path, mode_t mode)
{
    if (mode & (S_IROTH | S_IWOTH))
        log_error("warning: option %s: everybody on this machine can %s '%s'; make it private "
                  "with chmod 0600", parameters->option, mode & S_IROTH ? "read" : "write", path);
}

/* Files are opened without waiting, so a FIFO would look empty and a terminal might; through a
 * descriptor both work. */
static int check_file(const struct key_parameters *parameters, const struct source *source,
                      struct error *error)
{
    struct stat status;

    if (source->path == NULL)
        return 0;
    if (fstat(source->fd, &status) != 0) {
        error_set(error, "cannot examine '%s': %s", source->path, strerror(errno));
        return -1;
    }
    if (!S_ISREG(status.st_mode)) {
        error_set(error, "'%s' is %s and no regular file; open it and use %s", source->path,
                  S_ISFIFO(status.st_mode) ? "a FIFO" : "a device or directory",
                  descriptor_option(parameters));
        return -1;
    }
    warn_if_public(parameters, source->path, status.st_mode);
    return 0;
}

static int read_to_end(int fd, struct key_file *file, struct error *error)
{
    while (file->size < KEY_FILE_MAX) {
        ssize_t got = read(fd, file->bytes + file->size, KEY_FILE_MAX - file->size);
        if (got == 0)
            return 0;
        if (got < 0 && errno != EINTR) {
            error_set(error, "cannot read %s: %s", file->name, strerror(errno));
            return -1;
        }
        if (got > 0)
            file->size += (size_t)got;
    }
    error_set(error, "%s is not a key: it has %d bytes or more", file->name, KEY_FILE_MAX);
    return -1;
}

static int open_source(const struct key_parameters *parameters, struct source *source,
                       struct key_file *file, struct error *error)
{
    if (source->path == NULL) {
        snprintf(file->name, sizeof file->name, "file descriptor %d", source->fd);
        return 0;
    }
    snprintf(file->name, sizeof file->name, "'%s'", source->path);
    source->fd = file_open(source->path, O_RDONLY, 0, error);
    if (source->fd < 0 && errno == ELOOP)
        error_set(error, "%s is a symbolic link, which is not followed here; name the file itself, "
                         "or open it and use %s", file->name, descriptor_option(parameters));
    return source->fd >= 0 ? 0 : -1;
}

int key_file_read(const struct key_parameters *parameters, struct key_file *file,
                  struct error *error)
{
    struct source source;
    int result = -1;

    if (choose_source(parameters, &source, error) != 0)
        return -1;
    *file = (struct key_file){.bytes = secret_memory_new(KEY_FILE_MAX)};
    if (file->bytes == NULL)
        error_set(error, "no memory for the key: %s", strerror(errno));
    else if (open_source(parameters, &source, file, error) == 0) {
        result = check_file(parameters, &source, error);
        if (result == 0)
            result = read_to_end(source.fd, file, error);
        close(source.fd);
    }
    if (result != 0) {
        error_prefix(error, "option %s: ", parameters->option);
        key_file_free(file);
    }
    return result;
}

int key_file_remove(const struct key_parameters *parameters, struct error *error)
{
    const char *path =
        parameters->file != NULL ? parameters->file : parameters->password_file;

    if (unlink(path) == 0)
        return 0;
    error_set(error, "option %s: cannot remove '%s': %s", parameters->option, path,
              strerror(errno));
    return -1;
}

void key_file_free(struct key_file *file)
{
    secret_memory_free(file->bytes, KEY_FILE_MAX);
    *file = (struct key_file){0};
}
