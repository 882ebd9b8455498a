/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include <libtpms/tpm_error.h>

#include "state/envelope.h"
#include "state/state_change.h"
#include "tools/swtpm_state/commands.h"
#include "util/log.h"
#include "util/text.h"

struct listing {
    const struct command_context *context;
    struct error *error; /* why the listing was ended */
    unsigned stores;
    unsigned unreadable;
};

/* A store that is being listed. */
struct listed_store {
    const struct command_context *context;
    const char *location;
    bool alone; /* it is what --tpmstate names, and needs no heading */
    struct storage *storage;
    unsigned values; /* printed so far */
};

static void print_heading(const struct listed_store *store, const char *what)
{
    if (store->alone)
        return;
    printf("%s://", store->context->place->options.plugin);
    text_print_harmless(stdout, store->location);
    printf(" (%s)\n", what);
}

static void print_value(const char *name, const struct buffer *stored)
{
    struct envelope_description description;
    struct error error;
    struct swtpm_bytes bytes = {stored->data, stored->size};

    if (envelope_describe(bytes, &description, &error) != TPM_SUCCESS)
        printf("%-24s %8zu bytes  %s\n", name, stored->size, error.text);
    else
        printf("%-24s %8zu bytes  %s%s\n", name, stored->size, description.mode,
               description.strong ? ", kdf=pbkdf2-strong" : "");
}

/* Sets *found if the store has it. */
static int list_value(struct listed_store *store, enum tpm_version version, size_t index,
                      bool *found, struct error *error)
{
    const char *name = state_value_name_at(version, index);
    struct buffer stored = {0};

    int result = storage_get(store->storage, name, &stored, error);
    if (result == 0) {
        if (!*found)
            print_heading(store, version == TPM_VERSION_2_0 ? "TPM 2" : "TPM 1.2");
        print_value(name, &stored);
        store->values++;
        *found = true;
    }
    buffer_free(&stored);
    return result == 0 || result == SWTPM_PLUGIN_NOT_FOUND ? 0 : -1;
}

static int list_tpm(struct listed_store *store, enum tpm_version version, struct error *error)
{
    bool found = false;
    bool pending;

    for (size_t i = 0; i < STATE_VALUES; i++)
        if (list_value(store, version, i, &found, error) != 0)
            return -1;
    if (state_change_is_pending(store->storage, version, &pending, error) != 0)
        return -1;
    if (pending)
        log_error("a change of the values in %s was interrupted; 'swtpm-state verify' finishes it",
                  store->location);
    return 0;
}

static int list_tpms(struct listed_store *store, struct error *error)
{
    bool tpm2_only = store->context->options->tpm2;

    if (!tpm2_only && list_tpm(store, TPM_VERSION_1_2, error) != 0)
        return -1;
    if (list_tpm(store, TPM_VERSION_2_0, error) != 0)
        return -1;
    if (store->values > 0)
        return 0;
    if (!store->alone) {
        print_heading(store, tpm2_only ? "no state of a TPM 2" : "no state");
        return 0;
    }
    error_set(error, "there is no state of a TPM%s in %s", tpm2_only ? " 2" : "", store->location);
    return -1;
}

static int list_store(struct listed_store *store, struct error *error)
{
    const struct place *place = store->context->place;
    const struct storage_parameters parameters = {
        .location = store->location, .mode = place->options.mode, .read_only = true};

    if (storage_open(place->plugin, &parameters, &store->storage, error) != 0)
        return -1;
    int result = list_tpms(store, error);
    storage_close(store->storage);
    return result;
}

/* One TPM among many that cannot be read does not hide the others. */
static int visit_store(void *context, const char *location)
{
    struct listing *listing = context;
    struct listed_store store = {
        .context = listing->context,
        .location = location,
        .alone = strcmp(location, listing->context->place->options.location) == 0,
    };
    struct error error;

    listing->stores++;
    if (store.alone)
        return list_store(&store, listing->error);
    if (list_store(&store, &error) != 0) {
        log_error("%s", error.text);
        listing->unreadable++;
    }
    return 0;
}

int command_list(const struct command_context *context, struct error *error)
{
    const struct place *place = context->place;
    struct listing listing = {.context = context, .error = error};

    if (storage_list_stores(place->plugin, place->options.location, visit_store, &listing,
                            error) != 0)
        return -1;
    if (listing.unreadable == 0 && listing.stores > 0)
        return 0;
    if (listing.stores == 0)
        error_set(error, "there is no TPM in %s", place->options.location);
    else
        error_set(error, "%u of %u TPMs in %s cannot be read", listing.unreadable, listing.stores,
                  place->options.location);
    return -1;
}
