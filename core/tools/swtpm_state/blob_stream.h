/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_STATE_BLOB_STREAM_H
#define TOOLS_SWTPM_STATE_BLOB_STREAM_H

#include "swtpm_plugin.h"
#include "util/buffer.h"
#include "util/error.h"

/* State blobs in files; "-" is standard input or output.  0, or -1 with a message that names the
 * file. */

/* Makes a new file that nobody else can read, and has it on its medium; an existing one is an
 * error.  On failure the file is gone again. */
int blob_stream_write(const char *path, struct swtpm_bytes blob, struct error *error);

/* Reads at most STATE_BLOB_MAX bytes and appends them to `blob`. */
int blob_stream_read(const char *path, struct buffer *blob, struct error *error);

#endif
