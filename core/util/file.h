/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UTIL_FILE_H
#define UTIL_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "util/buffer.h"
#include "util/error.h"

/*
 * Files named by a user: opened without following a link in the last component, close-on-exec,
 * and never blocking on a FIFO.
 */

/* Opens with `flags` of open(2) and the above added; `mode` as for open(2), whatever the umask.
 * The descriptor, or -1 with errno and a message that names the path. */
int file_open(const char *path, int flags, mode_t mode, struct error *error);

/* The same for `name` beneath `directory` (openat(2)); messages call it `path`. */
int file_open_at(int directory, const char *name, const char *path, int flags, mode_t mode,
                 struct error *error);

/* Takes hold (O_PATH) of the directory in which the last component of `path` stands, so that the
 * file can be found there whatever root and working directory the process has by then.  *name
 * points to that component, within `path`.  The descriptor, or -1 with a message that names the
 * path. */
int file_open_parent(const char *path, const char **name, struct error *error);

/* Reads to the end of `fd` and appends to `contents`, at most `limit` bytes; more is an error that
 * names `name`.  0, or -1 with the whole buffer wiped and empty. */
int file_read_all(int fd, const char *name, size_t limit, struct buffer *contents,
                  struct error *error);

/* Writes all of `data`, whatever it takes.  0, or -1 with errno. */
int file_write_all(int fd, const void *data, size_t size);

/* close(2) of a file that was written: 0, or -1 with errno, for a file system that may tell only
 * then that it has no room.  An interrupted close has closed the file and is no error. */
int file_close_written(int fd);

#endif
