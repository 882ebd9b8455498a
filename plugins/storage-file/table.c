/* SPDX-License-Identifier: BSD-3-Clause */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "../common/failure.h"
#include "little_endian.h"

/* magic (8), version (1), zero (1), size of the table (2), entries of offset, length, size (4 each)
 */
static const unsigned char mark[] = {'n', 'i', 'l', 'm', 'p', 't', 'w', 's'};

enum {
    VERSION_OFFSET = 8,
    RESERVED_OFFSET = 9,
    SIZE_OFFSET = 10,
    ENTRIES_OFFSET = 12,
    ENTRY_SIZE = 12,
    VERSION = 1,
    SECTOR_SIZE = 512
};

bool table_is_marked(const unsigned char bytes[TABLE_SIZE])
{
    return memcmp(bytes, mark, sizeof mark) == 0;
}

/* ------------------------------------------------------------------------------- reading ----- */

static int by_offset(const void *left, const void *right)
{
    const struct section *a = left, *b = right;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static int check_preamble(const unsigned char bytes[TABLE_SIZE], const char *path,
                          struct swtpm_plugin_error *error)
{
    if (!table_is_marked(bytes))
        return plugin_fail(
            error, SWTPM_PLUGIN_CORRUPT,
            "'%s' is not empty and holds no TPM state in one file; name another file "
            "if it is something else, or put a copy of the state back",
            path);
    if (bytes[VERSION_OFFSET] != VERSION)
        return plugin_fail(error, SWTPM_PLUGIN_CORRUPT, "'%s' has format version %u, wanted %d",
                           path, bytes[VERSION_OFFSET], VERSION);
    if (bytes[RESERVED_OFFSET] != 0)
        return plugin_fail(error, SWTPM_PLUGIN_CORRUPT, "'%s' has %u in byte %d, wanted 0", path,
                           bytes[RESERVED_OFFSET], RESERVED_OFFSET);
    unsigned size = get_little_endian_16(bytes + SIZE_OFFSET);
    if (size != TABLE_SIZE)
        return plugin_fail(error, SWTPM_PLUGIN_CORRUPT, "'%s' has a table of %u bytes, wanted %d",
                           path, size, TABLE_SIZE);
    return SWTPM_PLUGIN_OK;
}

/* One section by itself. */
static int check_section(const struct section *section, unsigned index, uint64_t file_size,
                         const char *path, struct swtpm_plugin_error *error)
{
    const char *what = NULL;

    if (!section_is_used(section))
        what = section->length != 0 || section->size != 0 ? "has a size but no place" : NULL;
    else if (section->offset < TABLE_SIZE)
        what = "overlaps the table";
    else if (section->length > section->size)
        what = "is longer than its section";
    else if (section->offset > file_size || section->size > file_size - section->offset)
        what = "reaches beyond the end of the file, which may have been cut off";
    if (what == NULL)
        return SWTPM_PLUGIN_OK;
    return plugin_fail(
        error, SWTPM_PLUGIN_CORRUPT,
        "'%s' is damaged: entry %u (offset %u, %u bytes in a section of %u) %s; put a "
        "copy of the state back",
        path, index, section->offset, section->length, section->size, what);
}

static int check_overlaps(const struct table *table, const char *path,
                          struct swtpm_plugin_error *error)
{
    struct table sorted = *table;

    qsort(sorted.entries, TABLE_ENTRIES, sizeof sorted.entries[0], by_offset);
    for (unsigned i = 1; i < TABLE_ENTRIES; i++) {
        const struct section *before = &sorted.entries[i - 1], *section = &sorted.entries[i];
        if (section_is_used(before) &&
            (before->offset == section->offset || before->size > section->offset - before->offset))
            return plugin_fail(
                error, SWTPM_PLUGIN_CORRUPT,
                "'%s' is damaged: the sections at %u and at %u overlap; put a copy of "
                "the state back",
                path, before->offset, section->offset);
    }
    return SWTPM_PLUGIN_OK;
}

int table_parse(struct table *table, const unsigned char bytes[TABLE_SIZE], uint64_t file_size,
                const char *path, struct swtpm_plugin_error *error)
{
    struct table parsed;

    int code = check_preamble(bytes, path, error);
    for (unsigned i = 0; i < TABLE_ENTRIES && code == SWTPM_PLUGIN_OK; i++) {
        const unsigned char *entry = bytes + ENTRIES_OFFSET + i * ENTRY_SIZE;
        parsed.entries[i] = (struct section){.offset = get_little_endian_32(entry),
                                             .length = get_little_endian_32(entry + 4),
                                             .size = get_little_endian_32(entry + 8)};
        code = check_section(&parsed.entries[i], i, file_size, path, error);
    }
    if (code == SWTPM_PLUGIN_OK)
        code = check_overlaps(&parsed, path, error);
    if (code == SWTPM_PLUGIN_OK)
        *table = parsed;
    return code;
}

/* ------------------------------------------------------------------------------- writing ----- */

void table_format(const struct table *table, unsigned char bytes[TABLE_SIZE])
{
    memset(bytes, 0, TABLE_SIZE);
    memcpy(bytes, mark, sizeof mark);
    bytes[VERSION_OFFSET] = VERSION;
    put_little_endian_16(bytes + SIZE_OFFSET, TABLE_SIZE);
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        unsigned char *entry = bytes + ENTRIES_OFFSET + i * ENTRY_SIZE;
        put_little_endian_32(entry, table->entries[i].offset);
        put_little_endian_32(entry + 4, table->entries[i].length);
        put_little_endian_32(entry + 8, table->entries[i].size);
    }
}

/* The nearest section behind `section`; NULL if it is the last. */
static const struct section *next_section(const struct table *table, const struct section *section)
{
    const struct section *next = NULL;

    for (const struct section *other = table->entries; other < table->entries + TABLE_ENTRIES;
         other++)
        if (other->offset > section->offset && (next == NULL || other->offset < next->offset))
            next = other;
    return next;
}

void table_close_gaps(struct table *table)
{
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        struct section *section = &table->entries[i];
        if (!section_is_used(section))
            continue;
        const struct section *next = next_section(table, section);
        section->size = next != NULL ? next->offset - section->offset : section->length;
    }
}

uint64_t table_end(const struct table *table)
{
    uint64_t end = TABLE_SIZE;

    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        uint64_t section_end = (uint64_t)table->entries[i].offset + table->entries[i].size;
        end = section_end > end ? section_end : end;
    }
    return end;
}

/* -------------------------------------------------------------------------------- space ------ */

static uint64_t round_up(uint64_t position)
{
    return (position + SECTOR_SIZE - 1) / SECTOR_SIZE * SECTOR_SIZE;
}

/* A value of no bytes has a place, too, so that no two are at the same offset. */
static uint32_t occupied(uint32_t length)
{
    return length > 0 ? length : 1;
}

/* The end of the data that stand in the way of `length` bytes at `start`; 0 if none do. */
static uint64_t obstacle(const struct section *sections, unsigned count, uint64_t start,
                         uint32_t length)
{
    for (unsigned i = 0; i < count; i++) {
        const struct section *section = &sections[i];
        uint64_t begin = section->offset / SECTOR_SIZE * SECTOR_SIZE;
        uint64_t end = round_up((uint64_t)section->offset + occupied(section->length));
        if (section_is_used(section) && begin < start + occupied(length) && start < end)
            return end;
    }
    return 0;
}

uint32_t table_find_space(const struct section *sections, unsigned count, uint32_t length,
                          uint64_t limit)
{
    uint64_t start = round_up(TABLE_SIZE);

    for (uint64_t end; (end = obstacle(sections, count, start, length)) != 0;)
        start = end;
    return start + occupied(length) <= limit ? (uint32_t)start : 0;
}
