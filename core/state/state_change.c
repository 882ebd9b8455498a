/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/state_change.h"

#include <stdio.h>
#include <string.h>

#include "state/journal.h"

void state_change_put(struct state_change *change, const char *name, struct buffer *value)
{
    struct state_change_item *item = &change->items[change->count++];

    *item = (struct state_change_item){.name = name};
    buffer_move(&item->value, value);
}

void state_change_remove(struct state_change *change, const char *name)
{
    change->items[change->count++] = (struct state_change_item){.name = name, .remove = true};
}

void state_change_free(struct state_change *change)
{
    for (size_t i = 0; i < change->count; i++)
        buffer_free(&change->items[i].value);
    change->count = 0;
}

static int delete_if_there(struct storage *storage, const char *name, bool durable,
                           struct error *error)
{
    int result = storage_delete(storage, name, durable, error);
    return result == SWTPM_PLUGIN_NOT_FOUND ? 0 : result;
}

/* -------------------------------------------------------------------------------------- stage */

static int read_back(struct storage *storage, const char *staged, const struct buffer *value,
                     struct error *error)
{
    struct buffer stored = {0};

    int result = storage_get(storage, staged, &stored, error);
    if (result == 0 && (stored.size != value->size ||
                        memcmp(stored.data, value->data, value->size) != 0)) {
        error_set(error, "'%s' does not read back as it was written", staged);
        result = SWTPM_PLUGIN_CORRUPT;
    }
    buffer_free(&stored);
    return result;
}

static int stage_item(struct storage *storage, const struct state_change_item *item, bool durable,
                      struct error *error)
{
    char staged[STATE_STAGED_NAME_SIZE];

    if (item->remove)
        return 0;
    state_staged_name(item->name, staged);
    int result = storage_put(storage, staged,
                             (struct swtpm_bytes){item->value.data, item->value.size}, durable,
                             error);
    if (result == 0)
        result = read_back(storage, staged, &item->value, error);
    return result;
}

/* Removes staged values that no journal speaks of. */
static int sweep(struct storage *storage, enum tpm_version version, bool durable,
                 struct error *error)
{
    char staged[STATE_STAGED_NAME_SIZE];

    for (size_t i = 0; i < STATE_VALUES; i++) {
        state_staged_name(state_value_name_at(version, i), staged);
        int result = delete_if_there(storage, staged, durable, error);
        if (result != 0)
            return result;
    }
    return 0;
}

static int stage(struct storage *storage, enum tpm_version version,
                 const struct state_change *change, bool durable, struct error *error)
{
    struct error ignored;
    int result = 0;

    for (size_t i = 0; i < change->count && result == 0; i++)
        result = stage_item(storage, &change->items[i], durable, error);
    if (result != 0) {
        error_prefix(error, "the store stays as it was: ");
        sweep(storage, version, durable, &ignored);
    }
    return result;
}

/* -------------------------------------------------------------------------------------- apply */

/* A staged value that is missing has been put in place, by a process that died after that. */
static int apply_put(struct storage *storage, const char *name, bool durable, struct error *error)
{
    char staged[STATE_STAGED_NAME_SIZE];
    struct buffer value = {0};

    state_staged_name(name, staged);
    int result = storage_get(storage, staged, &value, error);
    if (result == SWTPM_PLUGIN_NOT_FOUND)
        return 0;
    if (result == 0)
        result = storage_put(storage, name, (struct swtpm_bytes){value.data, value.size}, durable,
                             error);
    if (result == 0)
        result = delete_if_there(storage, staged, durable, error);
    buffer_free(&value);
    return result;
}

static int apply(struct storage *storage, enum tpm_version version, const struct journal *journal,
                 bool durable, struct error *error)
{
    int result = 0;

    for (size_t i = 0; i < journal->count && result == 0; i++) {
        const struct journal_entry *entry = &journal->entries[i];
        result = entry->remove ? delete_if_there(storage, entry->name, durable, error)
                               : apply_put(storage, entry->name, durable, error);
    }
    if (result == 0)
        result = delete_if_there(storage, state_journal_name(version), durable, error);
    if (result != 0)
        error_prefix(error, "the change of the state is made but not finished; whoever opens it "
                            "next will try again: ");
    return result;
}

static int put_journal(struct storage *storage, enum tpm_version version,
                       const struct journal *journal, bool durable, struct error *error)
{
    char text[JOURNAL_SIZE_MAX];
    size_t size = journal_format(journal, text);

    int result = storage_put(storage, state_journal_name(version),
                             (struct swtpm_bytes){text, size}, durable, error);
    if (result != 0)
        error_prefix(error, "the store stays as it was, or will be changed by whoever opens it "
                            "next: ");
    return result;
}

int state_change_commit(struct storage *storage, enum tpm_version version,
                        const struct state_change *change, bool durable, struct error *error)
{
    struct journal journal = {.count = change->count};

    for (size_t i = 0; i < change->count; i++)
        journal.entries[i] = (struct journal_entry){.name = change->items[i].name,
                                                    .remove = change->items[i].remove};
    int result = stage(storage, version, change, durable, error);
    if (result == 0)
        result = put_journal(storage, version, &journal, durable, error);
    if (result == 0)
        result = apply(storage, version, &journal, durable, error);
    return result;
}

/* ------------------------------------------------------------------------------------- finish */

struct remains {
    enum tpm_version version;
    bool journal;
    bool staged;
};

static int note_remains(void *context, const char *name, uint64_t size)
{
    struct remains *remains = context;
    char staged[STATE_STAGED_NAME_SIZE];

    (void)size;
    if (strcmp(name, state_journal_name(remains->version)) == 0)
        remains->journal = true;
    for (size_t i = 0; i < STATE_VALUES; i++) {
        state_staged_name(state_value_name_at(remains->version, i), staged);
        if (strcmp(name, staged) == 0)
            remains->staged = true;
    }
    return 0;
}

static int finish_journal(struct storage *storage, enum tpm_version version, bool durable,
                          struct error *error)
{
    struct buffer text = {0};
    struct journal journal;

    int result = storage_get(storage, state_journal_name(version), &text, error);
    if (result == 0 && journal_parse((struct swtpm_bytes){text.data, text.size}, version, &journal,
                                     error) != 0) {
        error_prefix(error, "the journal '%s' of an unfinished change is damaged: ",
                     state_journal_name(version));
        result = SWTPM_PLUGIN_CORRUPT;
    }
    if (result == 0)
        result = apply(storage, version, &journal, durable, error);
    buffer_free(&text);
    return result;
}

int state_change_finish(struct storage *storage, enum tpm_version version, bool durable,
                        bool *finished, struct error *error)
{
    struct remains remains = {.version = version};

    int result = storage_list(storage, note_remains, &remains, error);
    if (result == 0 && remains.journal)
        result = finish_journal(storage, version, durable, error);
    else if (result == 0 && remains.staged)
        result = sweep(storage, version, durable, error);
    if (result == 0)
        *finished = remains.journal;
    return result;
}

int state_change_is_pending(struct storage *storage, enum tpm_version version, bool *pending,
                            struct error *error)
{
    struct remains remains = {.version = version};

    int result = storage_list(storage, note_remains, &remains, error);
    if (result == 0)
        *pending = remains.journal;
    return result;
}
