/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_FILE_MEDIUM_H
#define STORAGE_FILE_MEDIUM_H

#include "storage_file.h"

/*
 * The file of a handle, byte by byte.  Each returns 0 or a code with a message.  Positions are in
 * bytes from the start of the file.
 */

/* Sets *size to the bytes that the file or device has now. */
int medium_size(const struct swtpm_storage *storage, uint64_t *size,
                struct swtpm_plugin_error *error);

/* Reads exactly `size` bytes; CORRUPT if the file ends before.  `to` may be partly written then. */
int medium_read(const struct swtpm_storage *storage, uint64_t position, void *to, size_t size,
                struct swtpm_plugin_error *error);

/* Writes all bytes; after a failure some of them may be there. */
int medium_write(const struct swtpm_storage *storage, uint64_t position, struct swtpm_bytes bytes,
                 struct swtpm_plugin_error *error);

/* Returns when all that was written survives power loss, if `flags` (enum
 * swtpm_storage_write_flag) ask for that. */
int medium_sync(const struct swtpm_storage *storage, uint32_t flags,
                struct swtpm_plugin_error *error);

/* Gives back what a regular file has beyond `size`, if it can be done; a device stays as it is. */
void medium_trim(const struct swtpm_storage *storage, uint64_t size);

#endif
