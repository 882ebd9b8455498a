/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_state/blob_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "state/state_blob.h"
#include "util/file.h"

static bool is_stream(const char *path)
{
    return strcmp(path, "-") == 0;
}

static int fail(const char *verb, const char *path, struct error *error)
{
    error_set(error, "cannot %s '%s': %s", verb, path, strerror(errno));
    return -1;
}

int blob_stream_write(const char *path, struct swtpm_bytes blob, struct error *error)
{
    if (is_stream(path))
        return file_write_all(STDOUT_FILENO, blob.data, blob.size) == 0
                   ? 0
                   : fail("write", "standard output", error);
    int fd = file_open(path, O_WRONLY | O_CREAT | O_EXCL, 0600, error);
    if (fd < 0 && errno == EEXIST)
        error_set(error, "'%s' exists already, and a blob is written to a new file; remove it or "
                         "name another file", path);
    if (fd < 0)
        return -1;
    int result = 0;
    if (file_write_all(fd, blob.data, blob.size) != 0 || TEMP_FAILURE_RETRY(fsync(fd)) != 0)
        result = fail("write", path, error);
    if (file_close_written(fd) != 0 && result == 0)
        result = fail("write", path, error);
    if (result != 0)
        unlink(path);
    return result;
}

int blob_stream_read(const char *path, struct buffer *blob, struct error *error)
{
    if (is_stream(path))
        return file_read_all(STDIN_FILENO, "standard input", STATE_BLOB_MAX, blob, error);
    int fd = file_open(path, O_RDONLY, 0, error);
    if (fd < 0)
        return -1;
    int result = file_read_all(fd, path, STATE_BLOB_MAX, blob, error);
    close(fd);
    return result;
}
