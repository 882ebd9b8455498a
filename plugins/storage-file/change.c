/* SPDX-License-Identifier: BSD-3-Clause */
#include "change.h"

#include <string.h>

#include "../common/failure.h"
#include "medium.h"

static int write_table(const struct swtpm_storage *storage, const struct table *table,
                       struct swtpm_plugin_error *error)
{
    unsigned char bytes[TABLE_SIZE];

    table_format(table, bytes);
    return medium_write(storage, 0, (struct swtpm_bytes){bytes, sizeof bytes}, error);
}

/* -------------------------------------------------------------------------------- begin ----- */

/* Writes an empty table first, so that data never stand in a file without the format's mark. */
static int format(struct change *change, struct swtpm_plugin_error *error)
{
    int code = write_table(change->storage, &change->table, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    change->storage->synced = false;
    if (change->old.file_size < TABLE_SIZE)
        change->old.file_size = TABLE_SIZE;
    return SWTPM_PLUGIN_OK;
}

/* If the last put was not durable, the table on the medium may be older than the one in memory, and
 * what is free in one be in use in the other. */
static int settle(struct change *change, struct swtpm_plugin_error *error)
{
    struct swtpm_storage *storage = change->storage;

    if (storage->synced || (change->flags & SWTPM_STORAGE_DURABLE) == 0)
        return SWTPM_PLUGIN_OK;
    int code = medium_sync(storage, change->flags, error);
    storage->synced = code == SWTPM_PLUGIN_OK;
    return code;
}

/* Some free space is left for the next values; much of it is given back. */
static void give_back_space(struct change *change)
{
    enum { SPARE = 64 << 10 };
    uint64_t end = table_end(&change->table);

    if (change->storage->is_device || change->old.file_size <= 2 * end + SPARE)
        return;
    medium_trim(change->storage, end);
    change->old.file_size = end;
}

int change_begin(struct change *change, struct swtpm_plugin_error *error)
{
    int code = SWTPM_PLUGIN_OK;

    change->table = change->old.table;
    memcpy(change->kept, change->table.entries, sizeof change->table.entries);
    change->kept_count = TABLE_ENTRIES;
    if (!change->old.formatted)
        code = format(change, error);
    if (code == SWTPM_PLUGIN_OK)
        code = settle(change, error);
    if (code == SWTPM_PLUGIN_OK)
        give_back_space(change);
    return code;
}

/* -------------------------------------------------------------------------------- place ----- */

static int write_section(const struct change *change, uint32_t offset, struct swtpm_bytes data,
                         struct swtpm_plugin_error *error)
{
    /* Makes the file reach to the place of a value that has no bytes. */
    if (data.size == 0)
        data = (struct swtpm_bytes){"", 1};
    return medium_write(change->storage, offset, data, error);
}

int change_place(struct change *change, unsigned entry, struct swtpm_bytes data,
                 struct swtpm_plugin_error *error)
{
    const struct swtpm_storage *storage = change->storage;
    uint32_t length = (uint32_t)data.size;
    uint64_t limit = UINT32_MAX;

    if (storage->is_device && change->old.file_size < limit)
        limit = change->old.file_size;
    uint32_t offset = table_find_space(change->kept, change->kept_count, length, limit);
    if (offset == 0)
        return plugin_fail(error, SWTPM_PLUGIN_NO_SPACE,
                           "'%s' has no room for %u more bytes between the values in it, which end "
                           "at %ju of %ju",
                           storage->path, length, (uintmax_t)table_end(&change->table),
                           (uintmax_t)limit);
    int code = write_section(change, offset, data, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    change->table.entries[entry] = (struct section){.offset = offset, .length = length};
    change->kept[change->kept_count++] = change->table.entries[entry];
    return SWTPM_PLUGIN_OK;
}

/* -------------------------------------------------------------------------------- commit ---- */

/* The new data must be on the medium before the table that names them. */
static int sync_data(const struct change *change, struct swtpm_plugin_error *error)
{
    bool is_needed = change->kept_count > TABLE_ENTRIES;
    return is_needed ? medium_sync(change->storage, change->flags, error) : SWTPM_PLUGIN_OK;
}

int change_commit(struct change *change, struct swtpm_plugin_error *error)
{
    struct swtpm_storage *storage = change->storage;

    int code = sync_data(change, error);
    if (code != SWTPM_PLUGIN_OK) {
        change_abandon(change);
        return code;
    }
    table_close_gaps(&change->table);
    storage->synced = false;
    code = write_table(storage, &change->table, error);
    if (code == SWTPM_PLUGIN_OK)
        code = medium_sync(storage, change->flags, error);
    storage->synced = code == SWTPM_PLUGIN_OK && (change->flags & SWTPM_STORAGE_DURABLE) != 0;
    return code;
}

void change_abandon(const struct change *change)
{
    medium_trim(change->storage, change->old.file_size);
}
