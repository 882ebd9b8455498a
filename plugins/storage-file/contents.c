/* SPDX-License-Identifier: BSD-3-Clause */
#include "contents.h"

#include <stdlib.h>
#include <string.h>

#include "../common/failure.h"
#include "medium.h"

/* ------------------------------------------------------------------------------- names ------- */

/* By owner and entry. */
static const char *const state_names[][STATE_ENTRIES] = {
    [OWNER_TPM12] = {"tpm-00.permall", "tpm-00.volatilestate", "tpm-00.savestate"},
    [OWNER_TPM2] = {"tpm2-00.permall", "tpm2-00.volatilestate", "tpm2-00.savestate"},
};

int contents_state_entry(const char *name, enum extension_owner *owner)
{
    for (unsigned i = OWNER_TPM12; i <= OWNER_TPM2; i++)
        for (int entry = 0; entry < STATE_ENTRIES; entry++)
            if (strcmp(name, state_names[i][entry]) == 0) {
                *owner = i;
                return entry;
            }
    return -1;
}

const char *contents_state_name(unsigned entry, enum extension_owner owner)
{
    return state_names[owner][entry];
}

bool contents_entry_is(const struct contents *contents, unsigned entry, enum extension_owner owner)
{
    return section_is_used(&contents->table.entries[entry]) &&
           (contents->extension.owner == owner || contents->extension.owner == OWNER_UNKNOWN);
}

bool contents_find(const struct contents *contents, const char *name, struct extent *extent)
{
    enum extension_owner owner;

    int entry = contents_state_entry(name, &owner);
    if (entry >= 0 && contents_entry_is(contents, (unsigned)entry, owner)) {
        const struct section *section = &contents->table.entries[entry];
        *extent = (struct extent){section->offset, section->length};
        return true;
    }
    const struct extension_value *value = extension_find(&contents->extension, name);
    if (value == NULL)
        return false;
    uint64_t start = contents->table.entries[EXTENSION_ENTRY].offset;
    *extent = (struct extent){start + value->offset, value->size};
    return true;
}

/* ------------------------------------------------------------------------------- loading ----- */

/* How much of a device has to be zero so that it passes for empty: file systems, partition tables
 * and volume managers leave their marks there. */
enum { EMPTY_SIZE = 1 << 20, BLOCK_SIZE = 4096 };

/* Sets *empty: a regular file without bytes, a device without contents.  Power loss during the very
 * first write may leave the size of the table and zero bytes in its place. */
static int check_empty(const struct swtpm_storage *storage, uint64_t file_size, bool *empty,
                       struct swtpm_plugin_error *error)
{
    static const unsigned char zeros[BLOCK_SIZE];
    unsigned char block[BLOCK_SIZE];
    bool zero = storage->is_device || file_size == 0 || file_size == TABLE_SIZE;

    uint64_t end = file_size < EMPTY_SIZE ? file_size : EMPTY_SIZE;
    for (uint64_t position = 0; zero && position < end; position += sizeof block) {
        size_t size = end - position < sizeof block ? (size_t)(end - position) : sizeof block;
        int code = medium_read(storage, position, block, size, error);
        if (code != SWTPM_PLUGIN_OK)
            return code;
        zero = memcmp(block, zeros, size) == 0;
    }
    *empty = zero;
    return SWTPM_PLUGIN_OK;
}

static int check_sizes(const struct swtpm_storage *storage, const struct table *table,
                       struct swtpm_plugin_error *error)
{
    for (unsigned i = 0; i < STATE_ENTRIES; i++)
        if (table->entries[i].length > SWTPM_STORAGE_VALUE_MAX)
            return plugin_fail(
                error, SWTPM_PLUGIN_CORRUPT,
                "'%s' is damaged: entry %u has %u bytes, more than the %u that a value "
                "can have",
                storage->path, i, table->entries[i].length, SWTPM_STORAGE_VALUE_MAX);
    return SWTPM_PLUGIN_OK;
}

static int read_table(const struct swtpm_storage *storage, struct contents *contents,
                      struct swtpm_plugin_error *error)
{
    bool empty = false;

    int code = medium_size(storage, &contents->file_size, error);
    if (code == SWTPM_PLUGIN_OK && contents->file_size >= TABLE_SIZE)
        code = medium_read(storage, 0, contents->bytes, TABLE_SIZE, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    if (!table_is_marked(contents->bytes))
        code = check_empty(storage, contents->file_size, &empty, error);
    if (code != SWTPM_PLUGIN_OK || empty)
        return code;
    if (contents->file_size < TABLE_SIZE)
        return plugin_fail(error, SWTPM_PLUGIN_CORRUPT,
                           "'%s' has %ju bytes, less than the %d of its table: it was cut off, or "
                           "is something else",
                           storage->path, (uintmax_t)contents->file_size, TABLE_SIZE);
    contents->formatted = true;
    code =
        table_parse(&contents->table, contents->bytes, contents->file_size, storage->path, error);
    return code == SWTPM_PLUGIN_OK ? check_sizes(storage, &contents->table, error) : code;
}

static int read_directory(const struct swtpm_storage *storage, struct contents *contents,
                          uint32_t size, struct swtpm_plugin_error *error)
{
    const struct section *section = &contents->table.entries[EXTENSION_ENTRY];

    unsigned char *directory = malloc(size + 1);
    if (directory == NULL)
        return plugin_fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory for the names in '%s'",
                           storage->path);
    int code = medium_read(storage, (uint64_t)section->offset + EXTENSION_HEAD_SIZE, directory,
                           size, error);
    if (code == SWTPM_PLUGIN_OK)
        code = extension_read_directory(&contents->extension, directory, section->length,
                                        storage->path, error);
    free(directory);
    return code;
}

static int read_extension(const struct swtpm_storage *storage, struct contents *contents,
                          struct swtpm_plugin_error *error)
{
    const struct section *section = &contents->table.entries[EXTENSION_ENTRY];
    unsigned char head[EXTENSION_HEAD_SIZE];
    uint32_t directory_size = 0;

    if (!section_is_used(section))
        return SWTPM_PLUGIN_OK;
    if (section->length < EXTENSION_HEAD_SIZE)
        return plugin_fail(
            error, SWTPM_PLUGIN_CORRUPT,
            "'%s' is damaged: its directory of names has %u bytes; put a copy of the "
            "state back",
            storage->path, section->length);
    int code = medium_read(storage, section->offset, head, sizeof head, error);
    if (code == SWTPM_PLUGIN_OK)
        code = extension_read_head(&contents->extension, head, section->length, &directory_size,
                                   storage->path, error);
    if (code == SWTPM_PLUGIN_OK)
        code = read_directory(storage, contents, directory_size, error);
    return code;
}

static int load_once(const struct swtpm_storage *storage, struct contents *contents,
                     struct swtpm_plugin_error *error)
{
    *contents = (struct contents){0};
    int code = read_table(storage, contents, error);
    if (code == SWTPM_PLUGIN_OK)
        code = read_extension(storage, contents, error);
    return code;
}

int contents_check_current(const struct swtpm_storage *storage, const struct contents *contents,
                           bool *current, struct swtpm_plugin_error *error)
{
    unsigned char bytes[TABLE_SIZE];

    *current = true;
    if (storage->locked || !contents->formatted)
        return SWTPM_PLUGIN_OK;
    int code = medium_read(storage, 0, bytes, sizeof bytes, error);
    if (code == SWTPM_PLUGIN_OK)
        *current = memcmp(bytes, contents->bytes, sizeof bytes) == 0;
    return code;
}

int contents_load(const struct swtpm_storage *storage, struct contents *contents,
                  struct swtpm_plugin_error *error)
{
    enum { TRIES = 8 };
    struct swtpm_plugin_error ignored;
    bool current;
    int code;

    for (unsigned i = 0; i < TRIES; i++) {
        code = load_once(storage, contents, error);
        if (contents_check_current(storage, contents, &current, &ignored) != SWTPM_PLUGIN_OK ||
            current)
            break;
        extension_free(&contents->extension);
        code = plugin_fail(error, SWTPM_PLUGIN_BUSY, "'%s' is being changed by another process",
                           storage->path);
    }
    if (code != SWTPM_PLUGIN_OK)
        extension_free(&contents->extension);
    return code;
}

void contents_free(struct contents *contents)
{
    extension_free(&contents->extension);
}
