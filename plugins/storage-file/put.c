/* SPDX-License-Identifier: BSD-3-Clause */
#include "storage_file.h"

#include "../common/failure.h"
#include "../common/value_name.h"
#include "change.h"
#include "rewrite.h"

static bool has_states(const struct table *table)
{
    for (unsigned i = 0; i < STATE_ENTRIES; i++)
        if (section_is_used(&table->entries[i]))
            return true;
    return false;
}

/* The state entry that a value of that name goes to; -1 if it goes to the extension.  Sets *owner
 * to whose the state entries are then. */
static int choose_entry(const struct contents *old, const char *name, enum extension_owner *owner)
{
    enum extension_owner wanted;

    *owner = old->extension.owner;
    int entry = contents_state_entry(name, &wanted);
    if (entry < 0 || (*owner != wanted && *owner != OWNER_UNKNOWN && has_states(&old->table)))
        return -1;
    *owner = wanted;
    return entry;
}

static int place_value(struct change *change, const char *name, struct swtpm_bytes value,
                       struct swtpm_plugin_error *error)
{
    const struct extension *extension = &change->old.extension;
    enum extension_owner owner;

    int entry = choose_entry(&change->old, name, &owner);
    if (entry < 0)
        return rewrite_extension(change, owner, name, &value, error);
    int code = change_place(change, (unsigned)entry, value, error);
    if (code == SWTPM_PLUGIN_OK &&
        (owner != extension->owner || extension_find(extension, name) != NULL))
        code = rewrite_extension(change, owner, name, NULL, error);
    return code;
}

static int remove_value(struct change *change, const char *name, struct swtpm_plugin_error *error)
{
    const struct extension *extension = &change->old.extension;
    enum extension_owner owner;

    int entry = contents_state_entry(name, &owner);
    if (entry >= 0 && contents_entry_is(&change->old, (unsigned)entry, owner))
        change->table.entries[entry] = (struct section){0};
    if (extension_find(extension, name) == NULL)
        return SWTPM_PLUGIN_OK;
    return rewrite_extension(change, extension->owner, name, NULL, error);
}

static int check_present(const struct change *change, const char *name,
                         struct swtpm_plugin_error *error)
{
    struct extent extent;

    if (contents_find(&change->old, name, &extent))
        return SWTPM_PLUGIN_OK;
    return plugin_fail(error, SWTPM_PLUGIN_NOT_FOUND, "there is no '%s' in '%s'", name,
                       change->storage->path);
}

/* `value` is NULL to remove it. */
static int make_change(struct change *change, const char *name, const struct swtpm_bytes *value,
                       struct swtpm_plugin_error *error)
{
    int code = value != NULL ? SWTPM_PLUGIN_OK : check_present(change, name, error);
    if (code == SWTPM_PLUGIN_OK)
        code = change_begin(change, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    code = value != NULL ? place_value(change, name, *value, error)
                         : remove_value(change, name, error);
    if (code == SWTPM_PLUGIN_OK)
        return change_commit(change, error);
    change_abandon(change);
    return code;
}

static int change_value(struct swtpm_storage *storage, const char *name,
                        const struct swtpm_bytes *value, uint32_t flags,
                        struct swtpm_plugin_error *error)
{
    struct change change = {.storage = storage, .flags = flags};

    int code = value_name_check(name, error);
    if (code == SWTPM_PLUGIN_OK && storage->read_only)
        code = plugin_fail(error, SWTPM_PLUGIN_DENIED, "'%s' was opened for reading only",
                           storage->path);
    if (code == SWTPM_PLUGIN_OK)
        code = storage_file_check_place(storage, error);
    if (code == SWTPM_PLUGIN_OK)
        code = contents_load(storage, &change.old, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    code = make_change(&change, name, value, error);
    contents_free(&change.old);
    return code;
}

int storage_file_put(struct swtpm_storage *storage, const char *name, struct swtpm_bytes value,
                     uint32_t flags, struct swtpm_plugin_error *error)
{
    if (value.size > SWTPM_STORAGE_VALUE_MAX)
        return plugin_fail(error, SWTPM_PLUGIN_INVALID,
                           "'%.80s' in '%s' cannot have %zu bytes; a value has at most %u", name,
                           storage->path, value.size, SWTPM_STORAGE_VALUE_MAX);
    return change_value(storage, name, &value, flags, error);
}

int storage_file_del(struct swtpm_storage *storage, const char *name, uint32_t flags,
                     struct swtpm_plugin_error *error)
{
    return change_value(storage, name, NULL, flags, error);
}
