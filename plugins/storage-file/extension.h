/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_FILE_EXTENSION_H
#define STORAGE_FILE_EXTENSION_H

#include <stdbool.h>
#include <stdint.h>

#include "swtpm_plugin.h"

/*
 * What the original's format has no room for, kept as the data of the table's last entry, which the
 * original leaves alone: whose state the first three entries hold, and all values of other names
 * (doc/state-format.md, section 8).  A directory, and the values behind it in its order.
 */

enum { EXTENSION_VALUES_MAX = 4096 };

/* Whose state the first three entries hold. */
enum extension_owner {
    OWNER_UNKNOWN = 0, /* nobody's, or, if the original made the file, anybody's */
    OWNER_TPM12 = 1,
    OWNER_TPM2 = 2
};

struct extension_value {
    char name[SWTPM_STORAGE_NAME_MAX + 1];
    uint32_t size;
    uint32_t offset; /* from the start of the extension; where it is stored now */
};

/* Zeroed: none. */
struct extension {
    enum extension_owner owner;
    uint32_t count;
    struct extension_value *values; /* owned */
};

/* Bytes that extension_read_head needs. */
enum { EXTENSION_HEAD_SIZE = 16 };

/* Reads the start of an extension of `length` bytes, and allocates the values.  Sets
 * *directory_size to the bytes that extension_read_directory needs.  `path` is the file's, for
 * messages. */
int extension_read_head(struct extension *extension, const unsigned char head[EXTENSION_HEAD_SIZE],
                        uint32_t length, uint32_t *directory_size, const char *path,
                        struct swtpm_plugin_error *error);

/* Reads the directory, which follows the head.  CORRUPT unless names are good and differ, and the
 * values fill the rest of the `length` bytes exactly. */
int extension_read_directory(struct extension *extension, const unsigned char *directory,
                             uint32_t length, const char *path, struct swtpm_plugin_error *error);

/* The value of that name, or NULL.  Owned by the extension. */
const struct extension_value *extension_find(const struct extension *extension, const char *name);

/* The bytes of the head and the directory of an extension of `count` values. */
uint32_t extension_values_offset(uint32_t count);

/* Writes head and directory, extension_values_offset(count) bytes. */
void extension_format(const struct extension *extension, unsigned char *bytes);

/* Frees the values; the extension is zeroed then. */
void extension_free(struct extension *extension);

#endif
