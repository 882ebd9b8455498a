/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_IOCTL_BLOB_FILE_H
#define TOOLS_SWTPM_IOCTL_BLOB_FILE_H

#include <stddef.h>

#include "util/buffer.h"
#include "util/error.h"

/*
 * State blobs in files.  They hold the TPM's secrets, unless a migration key encrypts them.
 */

/*
 * Writes a file that is complete and durable, or not there: a temporary file beside it, of mode
 * 0600, takes its place.  What stood there before stays until then, and for good after an error.  A
 * symbolic link is refused.  A FIFO or a device is written to as it is, and so is an open
 * descriptor: /dev/stdout, /dev/fd/N.
 *
 * 0, or -1 with a message that names the path.
 */
int blob_file_write(const char *path, const struct buffer *blob, struct error *error);

/* Appends the file's contents to `blob`; more than `limit` bytes are an error.  Links are followed:
 * reading what the user named harms nothing, and /dev/stdin is a link.  0, or -1 with a message
 * that names the path. */
int blob_file_read(const char *path, size_t limit, struct buffer *blob, struct error *error);

#endif
