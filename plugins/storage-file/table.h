/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_FILE_TABLE_H
#define STORAGE_FILE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "swtpm_plugin.h"

/*
 * The table at the start of the file: which part of it belongs to which value (doc/state-format.md,
 * section 8).  All of it lies in the first sector, and is written by one write; so each change of
 * it is one step.
 *
 * A section is reserved for its entry; the data stand at its start and may be shorter.  The
 * original loses data when it removes an entry while there is a gap between two sections.  So what
 * is free here is the end of the section before it.
 */

enum {
    TABLE_SIZE = 192, /* bytes */
    TABLE_ENTRIES = 15
};

/* A section.  Not in use while the offset is 0. */
struct section {
    uint32_t offset; /* from the start of the file, in bytes */
    uint32_t length; /* of the data, in bytes */
    uint32_t size;   /* of the section, in bytes */
};

struct table {
    struct section entries[TABLE_ENTRIES];
};

static inline bool section_is_used(const struct section *section)
{
    return section->offset != 0;
}

/* Whether the bytes start as a table does. */
bool table_is_marked(const unsigned char bytes[TABLE_SIZE]);

/* Reads a table that was found in the file `path`, which has `file_size` bytes.  CORRUPT with a
 * message, and *table untouched, unless all sections lie in the file and apart from each other. */
int table_parse(struct table *table, const unsigned char bytes[TABLE_SIZE], uint64_t file_size,
                const char *path, struct swtpm_plugin_error *error);

/* Writes the table as it is to stand in the file. */
void table_format(const struct table *table, unsigned char bytes[TABLE_SIZE]);

/* Makes each section reach to the next one, and the last one to the end of its data. */
void table_close_gaps(struct table *table);

/* The end of the last section, and at least TABLE_SIZE. */
uint64_t table_end(const struct table *table);

/* The offset of the first `length` bytes, or one byte if that is 0, below `limit` (at most
 * UINT32_MAX) that share no sector with the table or with the data of a section; 0 if there are
 * none.  `sections` are `count`, in any order. */
uint32_t table_find_space(const struct section *sections, unsigned count, uint32_t length,
                          uint64_t limit);

#endif
