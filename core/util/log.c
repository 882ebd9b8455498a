/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "util/file.h"

enum { LOG_FILE_MODE = 0640 };

/* A descriptor alone, or a file that can be opened again. */
struct destination {
    int fd;
    int directory;    /* -1: cannot be opened again; owned */
    char *path;       /* owned */
    const char *name; /* in the directory; points into path */
};

static struct {
    struct destination to;
    char *prefix;
    unsigned level;
    bool timestamps;
} the_log = {.to = {.fd = STDERR_FILENO, .directory = -1}, .level = LOG_LEVEL_ERROR};

static void forget_path(struct destination *to)
{
    if (to->directory >= 0)
        close(to->directory);
    free(to->path);
    to->directory = -1;
    to->path = NULL;
}

static int open_file(const struct destination *to, int more_flags, struct error *error)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | more_flags;
    int fd = file_open_at(to->directory, to->name, to->path, flags, LOG_FILE_MODE, error);
    if (fd < 0)
        error_prefix(error, "option --log: ");
    return fd;
}

static bool is_regular_file(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

static int open_path(struct destination *to, const struct log_parameters *parameters,
                     struct error *error)
{
    to->path = strdup(parameters->path);
    if (to->path == NULL) {
        error_set(error, "option --log: no memory");
        return -1;
    }
    to->directory = file_open_parent(to->path, &to->name, error);
    if (to->directory < 0) {
        error_prefix(error, "option --log: ");
        return -1;
    }
    to->fd = open_file(to, parameters->truncate ? O_TRUNC : 0, error);
    /* A terminal or another device is not rotated. */
    if (to->fd >= 0 && !is_regular_file(to->fd))
        forget_path(to);
    return to->fd < 0 ? -1 : 0;
}

static int check_fd(int fd, struct error *error)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY)
        return 0;
    error_set(error, "option --log: file descriptor %d is not open for writing", fd);
    return -1;
}

static int choose_destination(struct destination *to, const struct log_parameters *parameters,
                              struct error *error)
{
    if (parameters->path != NULL && strcmp(parameters->path, "-") == 0)
        return 0;
    if (parameters->path != NULL)
        return open_path(to, parameters, error);
    to->fd = parameters->fd >= 0 ? parameters->fd : STDERR_FILENO;
    return check_fd(to->fd, error);
}

int log_open(const struct log_parameters *parameters, struct error *error)
{
    struct destination to = {.fd = -1, .directory = -1};
    char *prefix = parameters->prefix != NULL ? strdup(parameters->prefix) : NULL;

    if (parameters->prefix != NULL && prefix == NULL) {
        error_set(error, "option --log: no memory");
        return -1;
    }
    if (choose_destination(&to, parameters, error) != 0) {
        forget_path(&to);
        free(prefix);
        return -1;
    }
    /* gmtime_r(3) reads the time zone's file the first time, which a closed sandbox forbids. */
    if (parameters->timestamps)
        tzset();
    forget_path(&the_log.to);
    free(the_log.prefix);
    the_log.to = to;
    the_log.prefix = prefix;
    the_log.level = parameters->level > 0 ? parameters->level : LOG_LEVEL_ERROR;
    the_log.timestamps = parameters->timestamps;
    return 0;
}

int log_reopen(struct error *error)
{
    const struct destination *to = &the_log.to;

    if (to->directory < 0)
        return 0;
    int fd = open_file(to, 0, error);
    if (fd < 0)
        return -1;
    /* The number stays the same: libtpms and the sandbox know it. */
    int result = (int)TEMP_FAILURE_RETRY(dup3(fd, to->fd, O_CLOEXEC));
    if (result < 0)
        error_set(error, "option --log: cannot switch to '%s': %s", to->path, strerror(errno));
    close(fd);
    return result < 0 ? -1 : 0;
}

int log_directory(void)
{
    return the_log.to.directory;
}

unsigned log_level(void)
{
    return the_log.to.fd < 0 ? LOG_LEVEL_NONE : the_log.level;
}

int log_fd(void)
{
    return the_log.to.fd;
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
    ssize_t ignored = writev(the_log.to.fd, line, 3);
    (void)ignored;
    errno = saved_errno;
}
