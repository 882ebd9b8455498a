/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "util/file.h"

enum { LOG_FILE_MODE = 0640 };

static struct {
    char *path;
    char *prefix;
    int fd;
    unsigned level;
    bool timestamps;
} the_log = {.fd = STDERR_FILENO, .level = LOG_LEVEL_ERROR};

static int open_path(const char *path, bool truncate, struct error *error)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | (truncate ? O_TRUNC : 0);
    int fd = file_open(path, flags, LOG_FILE_MODE, error);
    if (fd < 0)
        error_prefix(error, "option --log: ");
    return fd;
}

static int check_fd(int fd, struct error *error)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY)
        return 0;
    error_set(error, "option --log: file descriptor %d is not open for writing", fd);
    return -1;
}

static int choose_fd(const struct log_parameters *parameters, int *fd, struct error *error)
{
    *fd = -1;
    if (parameters->path != NULL && strcmp(parameters->path, "-") == 0)
        return 0;
    if (parameters->path != NULL) {
        *fd = open_path(parameters->path, parameters->truncate, error);
        return *fd < 0 ? -1 : 0;
    }
    *fd = parameters->fd >= 0 ? parameters->fd : STDERR_FILENO;
    return check_fd(*fd, error);
}

int log_open(const struct log_parameters *parameters, struct error *error)
{
    bool by_path = parameters->path != NULL;
    char *path = by_path ? strdup(parameters->path) : NULL;
    char *prefix = parameters->prefix != NULL ? strdup(parameters->prefix) : NULL;
    int fd;

    if ((by_path && path == NULL) || (parameters->prefix != NULL && prefix == NULL)) {
        error_set(error, "option --log: no memory");
        goto fail;
    }
    if (choose_fd(parameters, &fd, error) != 0)
        goto fail;
    /* gmtime_r(3) reads the time zone's file the first time, which a closed sandbox forbids. */
    tzset();
    free(the_log.path);
    free(the_log.prefix);
    the_log.path = path;
    the_log.prefix = prefix;
    the_log.fd = fd;
    the_log.level = parameters->level > 0 ? parameters->level : LOG_LEVEL_ERROR;
    the_log.timestamps = parameters->timestamps;
    return 0;

fail:
    free(path);
    free(prefix);
    return -1;
}

int log_reopen(struct error *error)
{
    if (the_log.path == NULL || the_log.fd < 0)
        return 0;
    int fd = open_path(the_log.path, false, error);
    if (fd < 0)
        return -1;
    /* The number stays the same: libtpms and the sandbox know it. */
    int result = dup3(fd, the_log.fd, O_CLOEXEC);
    if (result < 0)
        error_set(error, "option --log: cannot switch to '%s': %s", the_log.path, strerror(errno));
    close(fd);
    return result < 0 ? -1 : 0;
}

unsigned log_level(void)
{
    return the_log.fd < 0 ? LOG_LEVEL_NONE : the_log.level;
}

int log_fd(void)
{
    return the_log.fd;
}

static size_t format_timestamp(char *to, size_t size)
{
    struct timespec now;
    struct tm parts;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t used = strftime(to, size, "%Y-%m-%dT%H:%M:%S", &parts);
    int more = snprintf(to + used, size - used, ".%06ldZ ", now.tv_nsec / 1000);
    return used + (size_t)more;
}

static struct iovec text_vector(const char *text, size_t size)
{
    /* writev(2) only reads, but shares its structure with readv(2). */
    union { const char *in; char *out; } base = {.in = text};
    return (struct iovec){.iov_base = base.out, .iov_len = size};
}

void log_write(unsigned level, const char *format, ...)
{
    if (level > log_level())
        return;

    int saved_errno = errno;
    char timestamp[48];
    char message[ERROR_TEXT_SIZE + 128];
    va_list arguments;
    va_start(arguments, format);
    int formatted = vsnprintf(message, sizeof message - 1, format, arguments);
    va_end(arguments);
    if (formatted < 0)
        formatted = 0;
    size_t size = (size_t)formatted < sizeof message - 2 ? (size_t)formatted : sizeof message - 2;
    message[size++] = '\n';

    size_t timestamp_size =
        the_log.timestamps ? format_timestamp(timestamp, sizeof timestamp) : 0;
    const char *prefix = the_log.prefix != NULL ? the_log.prefix : "";
    struct iovec line[] = {text_vector(timestamp, timestamp_size),
                           text_vector(prefix, strlen(prefix)), text_vector(message, size)};
    /* A log that cannot be written has nowhere to complain. */
    ssize_t ignored = writev(the_log.fd, line, 3);
    (void)ignored;
    errno = saved_errno;
}
