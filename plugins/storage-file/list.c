/* SPDX-License-Identifier: BSD-3-Clause */
#include "storage_file.h"

#include "contents.h"

static int visit_states(const struct contents *contents, enum extension_owner owner,
                        swtpm_storage_visitor visit, void *context)
{
    int code = SWTPM_PLUGIN_OK;

    for (unsigned i = 0; i < STATE_ENTRIES && code == SWTPM_PLUGIN_OK; i++)
        if (contents_entry_is(contents, i, owner))
            code = visit(context, contents_state_name(i, owner), contents->table.entries[i].length);
    return code;
}

/* Whether a state entry has the same name, and so is the value of that name. */
static bool is_hidden(const struct contents *contents, const char *name)
{
    enum extension_owner owner;
    int entry = contents_state_entry(name, &owner);

    return entry >= 0 && contents_entry_is(contents, (unsigned)entry, owner);
}

static int visit_extension(const struct contents *contents, swtpm_storage_visitor visit,
                           void *context)
{
    int code = SWTPM_PLUGIN_OK;

    for (uint32_t i = 0; i < contents->extension.count && code == SWTPM_PLUGIN_OK; i++) {
        const struct extension_value *value = &contents->extension.values[i];
        if (!is_hidden(contents, value->name))
            code = visit(context, value->name, value->size);
    }
    return code;
}

int storage_file_list(struct swtpm_storage *storage, swtpm_storage_visitor visit, void *context,
                      struct swtpm_plugin_error *error)
{
    struct contents contents;

    int code = contents_load(storage, &contents, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    code = visit_states(&contents, OWNER_TPM12, visit, context);
    if (code == SWTPM_PLUGIN_OK)
        code = visit_states(&contents, OWNER_TPM2, visit, context);
    if (code == SWTPM_PLUGIN_OK)
        code = visit_extension(&contents, visit, context);
    contents_free(&contents);
    return code;
}
